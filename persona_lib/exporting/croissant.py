"""The description of a dataset folder in Croissant, the vocabulary in which machines read what a data set holds [1]_.

References
----------
.. [1] M. Akhtar et al. (2024). Croissant: A metadata format for ML-ready datasets. arXiv:2403.19546.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SPECIFICATION = "http://mlcommons.org/croissant/1.0"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean"}
LICENCE = "https://spdx.org/licenses/Apache-2.0.html"


def croissant(folder: str | Path, configs: Sequence[dict], *, name: str, about: str) -> dict[str, Any]:
    """Every file with its sha256, and every column of text, numbers or booleans as a field of a record set.

    Columns of messages are left out: they hold what the columns of text hold.

    Parameters
    ----------
    folder : holds {config_name}/{split}.parquet
    configs : config_name, features and splits, as the card has them
    name, about : of the data set
    """
    files, records = [], []
    for config in configs:
        plain = [feature for feature in config["features"] if "dtype" in feature]
        for split in config["splits"]:
            path = f"{config['config_name']}/{split['name']}.parquet"
            with (Path(folder) / path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files.append(
                {
                    "@type": "cr:FileObject",
                    "@id": path,
                    "name": path,
                    "contentUrl": path,
                    "encodingFormat": "application/x-parquet",
                    "sha256": digest,
                }
            )
            record = f"{config['config_name']}-{split['name']}"
            fields = [
                {
                    "@type": "cr:Field",
                    "@id": f"{record}/{feature['name']}",
                    "name": feature["name"],
                    "dataType": TYPES[feature["dtype"]],
                    "source": {"fileObject": {"@id": path}, "extract": {"column": feature["name"]}},
                }
                for feature in plain
            ]
            records.append({"@type": "cr:RecordSet", "@id": record, "name": record, "field": fields})
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": SPECIFICATION,
        "name": name,
        "description": about,
        "license": LICENCE,
        "distribution": files,
        "recordSet": records,
    }
