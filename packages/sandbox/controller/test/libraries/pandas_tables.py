import io

import pandas as pd

frame = pd.DataFrame({"who": ["ann", "bob", "ann", "eve"], "points": [3, 5, 4, None], "day": pd.date_range("2024-02-28", periods=4)})
print(frame, frame.dtypes, frame.groupby("who").points.agg(["sum", "mean"]), sep="\n")
print(frame.pivot_table(index="who", columns=frame.day.dt.month, values="points", aggfunc="sum"))
print(frame.merge(pd.DataFrame({"who": ["ann", "bob"], "team": ["x", "y"]}), how="left").fillna("-"))
text = frame.to_csv(index=False)
print(pd.read_csv(io.StringIO(text), parse_dates=["day"]).equals(frame), frame.to_json(orient="records"))
frame.to_csv("frame.csv.gz")
print(pd.read_csv("frame.csv.gz", index_col=0).shape, frame.describe().loc["mean", "points"])
print(frame.set_index("day").points.resample("2D").sum(), pd.Series(list("abcb")).value_counts().sort_index(), sep="\n")
print(frame.query("points > 3").who.str.upper().tolist(), pd.to_datetime("2024-02-29") + pd.offsets.MonthEnd(2))
