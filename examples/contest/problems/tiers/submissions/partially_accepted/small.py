# @EXPECTED_SCORE@: 80
print(sum(x if x < 10**9 and x > -(10**9) else 0 for x in map(int, input().split())))
