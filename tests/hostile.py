"""Text that would be markup, a format, a cell or a key, were it not taken as text."""

from __future__ import annotations

NASTY = '<script>alert(1)</script> & "quotes" {braces} | pipe: 5% `tick`'


KEYS = [
    "sk-proj-Zq8XvT3mB7nR2pLw9",
    "9f86d081884c7d659a2feaa0c55ad015",
    "gsk_Ab3dEf6hIj9kLm1nOp4q",
    "hf_QwErTyUiOp1234",
]
