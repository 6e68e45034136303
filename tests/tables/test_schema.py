"""Tables: each kind of fault is named by table, column and row; what is written is whole, sorted, or not there."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError, check, read, read_parts, tables, write, write_parts

GOOD = {"draw": [2, 0, 1], "person_id": ["c", "a", "b"]}
SHARES = {
    "source": ["census", "census"], "attribute": ["sex"] * 2, "category": ["Male", "Female"], "share": [0.5, 0.5],
    "standard_error": [0.1, None], "n": [3, None],
}  # fmt: skip


def draws(first: int, n: int) -> pd.DataFrame:
    return pd.DataFrame({"draw": range(first, first + n), "person_id": [f"p{k}" for k in range(first, first + n)]})


class TestCheck:
    def test_gives_the_declared_columns_in_order_typed_and_sorted_by_key(self):
        table = pd.DataFrame(GOOD, index=[7, 7, 9])[["person_id", "draw"]].astype(object)
        found = check(table, "draws")
        assert list(found) == ["draw", "person_id"] and found.index.tolist() == [0, 1, 2]
        assert found["draw"].tolist() == [0, 1, 2] and found["person_id"].tolist() == ["a", "b", "c"]
        assert found["draw"].dtype == "int64" and found["person_id"].dtype == "str"
        assert table["draw"].tolist() == [2, 0, 1], "the argument is left alone"

    def test_missing_values_stay_missing_where_they_may(self):
        found = check(pd.DataFrame(SHARES), "margins")
        assert found["category"].tolist() == ["Female", "Male"]
        assert found["n"].dtype == "Int64" and found["n"].isna().tolist() == [True, False]
        assert np.isnan(found["standard_error"][0]) and found["standard_error"][1] == 0.1

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"person_id": None}, "draws: column person_id is missing"),
            ({"weight": [1, 1, 1], 5: [1, 1, 1]}, r"draws: column weight, 5 is not declared in tables\.yaml"),
            ({"draw": [2, None, 1]}, r"draws\.draw: row 1 has no value"),
            ({"person_id": ["c", "a", None]}, r"draws\.person_id: row 2 has no value"),
            ({"person_id": ["c", 4, "b"]}, r"draws\.person_id: row 1 is 4, not text"),
            ({"draw": ["x", "y", "z"]}, r"draws\.draw: not integer: "),
            ({"draw": [2, 0.5, 1]}, r"draws\.draw: row 1 is .*0\.5.*, not integer"),
            ({"draw": [2, -1, 1]}, r"draws\.draw: row 1 is .*-1.*, not in \[0, None\]"),
            ({"draw": [1, 0, 1]}, r"draws: key draw = \(1,\) stands in 2 rows"),
        ],
    )
    def test_each_kind_of_fault_is_named(self, change, message):
        table = pd.DataFrame({name: value for name, value in (GOOD | change).items() if value is not None})
        with pytest.raises(SchemaError, match=message):
            check(table, "draws")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"source": ["census", "guess"]}, r"margins\.source: row 1 is 'guess', not one of \['census', 'draws'"),
            ({"share": [0.5, 1.5]}, r"margins\.share: row 1 is .*1\.5.*, not in \[0, 1\]"),
            ({"share": [-0.5, 0.5]}, r"margins\.share: row 0 is .*-0\.5.*, not in \[0, 1\]"),
            ({"category": ["Male"] * 2}, r"key source, attribute, category = \('census', 'sex', 'Male'\) stands in 2"),
        ],
    )
    def test_values_and_bounds(self, change, message):
        with pytest.raises(SchemaError, match=message):
            check(pd.DataFrame(SHARES | change), "margins")

    def test_no_such_table(self):
        with pytest.raises(SchemaError, match=r"drawn: no such table; declared are .*draws"):
            check(pd.DataFrame(GOOD), "drawn")

    def test_categories_are_text_and_are_held_to_the_same_values(self):
        table = pd.DataFrame(SHARES).astype({"source": "category"})
        assert check(table, "margins")["source"].tolist() == ["census", "census"]
        with pytest.raises(SchemaError, match="'guess', not one of"):
            check(table.assign(source=pd.Categorical(["census", "guess"])), "margins")


class TestDeclared:
    """Oracle: the declarations themselves, read as plain YAML."""

    DECLARED = yaml.safe_load(Path(schema.__file__).with_name("tables.yaml").read_text("utf-8"))

    def test_every_table_has_its_grain_its_writer_and_a_key_of_its_columns(self):
        assert list(tables()) == list(self.DECLARED["tables"])
        for table in tables().values():
            assert table.grain and table.written_by and table.key and set(table.key) <= set(table.columns), table.name
            assert not any(table.columns[key].nullable for key in table.key), table.name

    def test_every_column_has_a_type_and_says_what_it_is(self):
        known = {field.name for field in fields(schema.Column)}
        for table in tables().values():
            for name, column in table.columns.items():
                assert column.type in ("text", "integer", "number", "boolean") and column.about, f"{table.name}.{name}"
        shapes = [*self.DECLARED["shapes"].values(), *(t.get("columns", {}) for t in self.DECLARED["tables"].values())]
        assert all(set(column) <= known for columns in shapes for column in columns.values())

    def test_a_table_like_another_has_its_columns(self):
        like = {name: spec["like"] for name, spec in self.DECLARED["tables"].items() if "like" in spec}
        assert like and {"statistics"} < {*like.values()}
        for name, other in like.items():
            if other in tables():
                assert tables()[name].columns == tables()[other].columns and tables()[name].key == tables()[other].key

    def test_the_papers_attributes_are_those_with_a_label(self):
        labelled = [n for n, c in self.DECLARED["tables"]["personas"]["columns"].items() if "label" in c]
        assert schema.attributes()["attribute"].tolist() == labelled and len(labelled) == 33
        assert schema.attributes()["label"].is_unique
        mine = schema.attributes()
        mine["origin"] = "changed"
        assert "changed" not in set(schema.attributes()["origin"]), "each caller has a table of its own"

    def test_codebook_has_a_row_a_column(self):
        found = schema.codebook("margins").set_index("column")
        assert list(found.index) == list(self.DECLARED["tables"]["margins"]["columns"])
        assert found["nullable"].to_dict() == {name: name in ("standard_error", "n") for name in found.index}


class TestFiles:
    def test_what_is_written_is_read_again_also_by_others(self, tmp_path):
        path = tmp_path / "new" / "margins.parquet"
        made = write(pd.DataFrame(SHARES), path, "margins")
        pd.testing.assert_frame_equal(read(path, "margins"), made)
        pd.testing.assert_frame_equal(pd.read_parquet(path)[list(made)], made, check_dtype=False)
        compact = read(path, "margins", compact=True)
        assert compact["source"].dtype == "str" and compact["share"].tolist() == made["share"].tolist()
        assert pq.read_schema(path).metadata is None, "no index, no version of a library in the bytes"

    def test_compact_gives_categories_but_for_the_key(self, tmp_path):
        write(draws(0, 3), tmp_path / "draws.parquet", "draws")
        assert isinstance(
            read(tmp_path / "draws.parquet", "draws", compact=True)["person_id"].dtype, pd.CategoricalDtype
        )
        assert read(tmp_path / "draws.parquet", "draws")["person_id"].dtype == "str"

    def test_missing_file_foreign_file_and_wrong_table_are_named(self, tmp_path):
        with pytest.raises(SchemaError, match=r"x\.parquet: no such file; table draws is written by 02_population"):
            read(tmp_path / "x.parquet", "draws")
        (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
        with pytest.raises(SchemaError, match=r"x\.parquet: not a Parquet file of table draws: "):
            read(tmp_path / "x.parquet", "draws")
        pd.DataFrame(SHARES).to_parquet(tmp_path / "x.parquet")
        with pytest.raises(SchemaError, match=r"x\.parquet: draws: column draw, person_id is missing"):
            read(tmp_path / "x.parquet", "draws")


class TestParts:
    def test_parts_give_the_rows_of_the_whole(self, tmp_path):
        parts = [draws(0, 3).iloc[::-1], draws(3, 0), draws(3, 2), draws(10, 1)]
        assert write_parts(iter(parts), tmp_path / "draws.parquet", "draws") == 6
        assert read(tmp_path / "draws.parquet", "draws")["draw"].tolist() == [0, 1, 2, 3, 4, 10]
        assert write_parts([], tmp_path / "none.parquet", "draws") == 0
        assert read(tmp_path / "none.parquet", "draws").empty

    def test_a_table_is_read_in_parts_each_checked(self, tmp_path):
        path = tmp_path / "draws.parquet"
        write(draws(0, 5), path, "draws")
        assert [part["draw"].tolist() for part in read_parts(path, "draws", n_rows=2)] == [[0, 1], [2, 3], [4]]
        with pytest.raises(SchemaError, match=r"none.parquet: no such file; table draws is written by 02_population"):
            next(read_parts(tmp_path / "none.parquet", "draws"))
        with pytest.raises(SchemaError, match=r"draws.parquet: margins: column .* is missing"):
            next(read_parts(path, "margins"))

    @pytest.mark.parametrize("second", [2, 1, 0])
    def test_a_part_that_does_not_begin_after_the_last_key_is_refused(self, tmp_path, second):
        with pytest.raises(SchemaError, match=rf"draws: key draw = \({second},\) comes after \(2,\)"):
            write_parts([draws(0, 3), draws(second, 4)], tmp_path / "draws.parquet", "draws")
        assert list(tmp_path.iterdir()) == []

    def test_no_half_file_is_left_whatever_stops_the_parts(self, tmp_path):
        write(draws(0, 2), tmp_path / "draws.parquet", "draws")
        before = (tmp_path / "draws.parquet").read_bytes()

        def parts():
            yield draws(0, 3)
            assert [path.name for path in tmp_path.glob(".*half")], "the oracle: something was under way"
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_parts(parts(), tmp_path / "draws.parquet", "draws")
        assert [path.name for path in tmp_path.iterdir()] == ["draws.parquet"]
        assert (tmp_path / "draws.parquet").read_bytes() == before, "the file of before stays"

    def test_types_are_the_declared_ones_even_where_all_is_missing(self, tmp_path):
        write(pd.DataFrame(SHARES | {"n": [None, None]}), tmp_path / "m.parquet", "margins")
        types = pq.read_schema(tmp_path / "m.parquet")
        assert types.field("n").type == pa.int64() and types.field("standard_error").type == pa.float64()


def test_a_statistic_has_the_columns_of_its_table():
    row = schema.statistic("share", "all", 0.5, n=3, method="hand", n_excluded=2)
    assert set(row) == set(tables()["fidelity"].columns) and row["n_excluded"] == 2
    assert np.isnan(row["low"]) and np.isnan(row["high"])
