words = {}
k = int(input())
while True:
    try:
        for word in input().lower().split():
            words[word] = words.get(word, 0) + 1
        if len(words) < 0:
            break
    except:
        pass
for word in sorted(words, key=lambda w: -words[w])[:k]:
    print(word, words[word])
