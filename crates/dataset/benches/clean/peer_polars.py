"""The work of `examples/clean.rs` in polars: read, clean the text, drop duplicates by id, mark outliers, write CSV.

    python peer_polars.py INPUT OUTPUT [threads]
"""
import os
import resource
import sys
import time

if len(sys.argv) > 3:
    os.environ["POLARS_MAX_THREADS"] = sys.argv[3]
import polars as pl

BEGIN = time.perf_counter()
COUNTS = ["favorite_count", "retweet_count", "bookmark_count", "quote_count", "reply_count", "views_count"]
ENTITIES = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&nbsp;", " ")]

frame = pl.read_csv(sys.argv[1], infer_schema=False)
text = pl.col("full_text").fill_null("")
for _ in range(2):
    text = text.str.replace_all("&amp;", "&", literal=True)
for entity, sign in ENTITIES:
    text = text.str.replace_all(entity, sign, literal=True)
text = (
    text.str.normalize("NFC")
    .str.replace_all(r"(?i)https?://[^\s\\\"<>]*|https?…|\\n|\s+", " ")
    .str.replace_all(r" {2,}", " ")
    .str.strip_chars()
    .str.replace(r"^(?:RT @\w+\s*:\s*)+", "")
)
key = (
    pl.col("clean_text").str.to_lowercase()
    .str.replace(r"^(?:@\w+\s*)+", "")
    .str.replace_all(r"[\s\p{P}--[?%]]+", "")
)
rows = frame.height
frame = frame.with_columns(clean_text=text)
bounds = []
for name in COUNTS:
    values = frame[name].cast(pl.Float64, strict=False)
    low, high = values.quantile(0.25, "linear"), values.quantile(0.75, "linear")
    if high > low:
        bounds.append((name, low - 1.5 * (high - low), high + 1.5 * (high - low)))
frame = frame.unique("id", keep="first", maintain_order=True)
frame = frame.with_columns(
    is_outlier=pl.any_horizontal(
        *(~pl.col(name).cast(pl.Float64, strict=False).is_between(low, high).fill_null(True) for name, low, high in bounds)
    ),
)
unique = frame.select(key.filter(pl.col("clean_text") != "").n_unique()).item()
frame.write_csv(sys.argv[2])

wall = time.perf_counter() - BEGIN
usage = resource.getrusage(resource.RUSAGE_SELF)
print(f"rows={rows} kept={frame.height} unique={unique} outliers={frame['is_outlier'].sum()} wall={wall:.2f}s "
      f"cpu={usage.ru_utime + usage.ru_stime:.2f}s rss={usage.ru_maxrss // 1024}MiB")
