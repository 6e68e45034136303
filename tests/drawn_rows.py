"""What tests of figures share: rows of statistics, and what is read back from a drawing."""

from persona_lib.tables import schema

ATTRIBUTES = schema.attributes()["attribute"].tolist()


MODELS = ["large", "small"]


def row(statistic, group, estimate, half=0.1, n=20, n_excluded=0):
    low, high = estimate - half, estimate + half
    return schema.statistic(statistic, group, estimate, low=low, high=high, n=n, n_excluded=n_excluded, method="hand")


def axes_named(figure, name):
    return next(axes for axes in figure.axes if axes.get_label() == name)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def hex_of(bar):
    from matplotlib.colors import to_hex

    return to_hex(bar.get_facecolor())
