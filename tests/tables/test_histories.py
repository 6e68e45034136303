from persona_lib.tables.histories import Past, read, written


def test_what_is_written_is_read_back_and_no_text_poses_as_a_line():
    told = [Past("Is it so?\nAnswered: yes", "no\nAsked: x", "a  b"), Past("Why?", "Rather than: this")]
    found = read(written(told))
    assert found == [Past("Is it so? Answered: yes", "no Asked: x", "a b"), Past("Why?", "Rather than: this")]
    assert read("") == read("Age: 30\nSex: Female") == [] and written([]) == ""
