# @EXPECTED_SCORE@: 60
print(sum(abs(int(word)) for word in input().split()))
