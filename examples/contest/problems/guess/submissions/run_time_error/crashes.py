print(500, flush=True)
if input() != "correct":
    raise ValueError("not at once")
