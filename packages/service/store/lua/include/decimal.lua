-- decimal(number): a whole number with all of its digits. Where Lua turns a number into a string it keeps fourteen of
-- them, too few for a place in the backlog.

local function decimal(number) return string.format('%.0f', number) end
