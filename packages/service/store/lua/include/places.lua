-- places(number): reserves places for `number` runs and returns a function that maps the priority of the next of these
-- runs to its score in the backlog. The score orders by priority first, then by submission: 100 times 2^43 plus a
-- sequence below 2^43 is exact in a double.
-- @include decimal

local function places(number)
  local sequence = redis.call('INCRBY', KEY.sequence, number) - number
  return function(priority)
    sequence = sequence + 1
    return decimal(tonumber(priority) * 8796093022208 + sequence)
  end
end
