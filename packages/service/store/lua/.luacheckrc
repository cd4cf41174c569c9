-- What Redis gives a script, and KEY, PREFIX and CONST, which src/redis/lua-files.ts replaces. Nothing else is global.
std = {
  read_globals = {
    'redis', 'KEYS', 'ARGV', 'cjson', 'cmsgpack', 'struct', 'bit', 'KEY', 'PREFIX', 'CONST',
    'ipairs', 'math', 'next', 'pairs', 'pcall', 'select', 'string', 'table', 'tonumber', 'tostring', 'type', 'unpack',
  },
}
max_line_length = 120
