"""The measurements of `script/bench`: sendlimit next to what people use today, in one run."""
