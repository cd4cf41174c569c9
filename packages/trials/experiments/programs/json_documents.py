"""Documents to text and back."""
import json

document = {"users": [{"id": i, "name": "user %d" % i, "tags": ["a", "b", str(i)], "score": i / 7} for i in range(300)]}
for _ in range(800):
    text = json.dumps(document)
    document = json.loads(text)
assert document["users"][299]["id"] == 299
