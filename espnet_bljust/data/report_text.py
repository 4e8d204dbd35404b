"""The data report as Markdown."""


def markdown(numbers: dict, pictures: list[str]) -> str:
    """Tables of report.report()'s numbers, with the pictures (file names) behind them."""
    parts = [
        "# Data report",
        "",
        *_sets(numbers["sets"]),
        "",
        *_texts(numbers["sets"]),
        "",
        *_overlaps(numbers["overlaps"]),
    ]
    parts += ["", f"Vocabulary: {numbers['vocabulary_size']} tokens; sampling rate: {numbers['rate']} Hz.", ""]
    parts += [line for name in pictures for line in (f"![{name.removesuffix('.png')}]({name})", "")]
    return "\n".join(parts)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table; the first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _sets(sets: dict) -> list[str]:
    head = ["set", "utterances", "hours", "speakers", "shortest s", "5 %", "median", "95 %", "longest s"]
    head += ["clipped", "silent", "duplicate"]
    rows = []
    for name, row in sets.items():
        lengths = [f"{value:.2f}" for value in row["seconds_percentiles"].values()]
        faults = [str(count) for count in row["faults"].values()]
        rows.append([name, str(row["utterances"]), f"{row['hours']:.2f}", str(row["speakers"]), *lengths, *faults])
    return ["## Audio", "", *table(head, rows), "", "The utterances counted as faulty: `offenders.txt`."]


def _texts(sets: dict) -> list[str]:
    head = ["set", "words", "distinct", "OOV words", "tokens", "unknown tokens", "tokens/s", "distinct sentences"]
    rows = []
    for name, row in sets.items():
        if "words" in row:
            oov = f"{row['oov_words']} ({row['oov_words'] / max(row['words'], 1):.2%})"
            unknown = f"{row['unknown_tokens']} ({row['unknown_tokens'] / max(row['tokens'], 1):.2%})"
            counts = [str(row["words"]), str(row["distinct_words"]), oov, str(row["tokens"]), unknown]
            rows.append([name, *counts, f"{row['tokens_per_second']:.1f}", str(row["distinct_sentences"])])
    return ["## Text", "", "OOV words are those that the first set's text does not hold.", "", *table(head, rows)]


def _overlaps(overlaps: list[dict]) -> list[str]:
    head = ["sets", "speakers", "sentences", "ids", "audio"]
    rows = [
        [" and ".join(row["sets"]), *("-" if row[key] is None else str(row[key]) for key in head[1:])]
        for row in overlaps
    ]
    return ["## Shared between sets", "", *table(head, rows)]
