"""Texts that have broken programs: each is refused as a name, or comes back exactly."""

HOSTILE_TEXTS = (
    "'", '"', "`", "\\", "''", "a'b", 'a"b',
    "'; DROP TABLE performance_measurements;--", "1; select 1", "$model", "{model}", "%s", "%n",
    "[red]", "[/]", "[int8]", "[bold]x[/bold]", "{{7*7}}", "${HOME}", "$(touch owned)", "`id`",
    "\x1b]0;owned\x07", "\x1b[31mred\x1b[0m", "\x9b31m", "a\nb", "a\r\nb", "a\tb", "a\x00b", "\x7f",
    "\u202egnp.exe", "a\u200bb", "\ufeffbom", "\u2066x\u2069", "\U000e0041", "🦆", "👩‍🚀",
    "x" * 10_000, "\udcff", "a\ud800b",
    "../../etc/passwd", "/etc/passwd", "C:\\Windows", "con", ".", "..", "~root",
    '=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "--help", "-", "--", " ", "", "\u3000",
    "<script>alert(1)</script>", "a|b", "a&b", "a,b", "a;b", "#x", "null", "NaN", "true",
    "Zoë", "Zoe\u0308", "模型", "модель", "𝔪𝔬𝔡𝔢𝔩", "ﬁ", "İ", "ß", "a b", "x" * 200, "x" * 201,
)  # fmt: skip
