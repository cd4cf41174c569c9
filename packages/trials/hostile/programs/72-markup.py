"""What a page that shows it would obey."""
print("<script>alert(1)</script>\n</pre></td></table>&amp;\n| a | b |\n[x](javascript:alert(1))\n::error::forged")
raise SystemExit("<img src=x> onerror=alert(1) --><!-- ]]>")
