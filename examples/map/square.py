import json

number = json.loads(input())
print(number * number)
