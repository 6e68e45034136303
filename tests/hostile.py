"""Text that would be markup, a format or a cell, were it not taken as text."""

NASTY = '<script>alert(1)</script> & "quotes" {braces} | pipe: 5% `tick`'
