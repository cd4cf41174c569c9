import json

people = [{"name": "Ada", "born": 1815}, {"name": "Grace", "born": 1906}, {"name": "José", "born": None}]
text = json.dumps({"people": people, "mean": 1860.5, "ok": True}, indent=2, sort_keys=True)
print(text)
again = json.loads(text)
print(json.dumps(again["people"][2], ensure_ascii=False), len(text))
try:
    json.loads('{"unfinished": ')
except json.JSONDecodeError as error:
    print("error:", error)
