# faulthandler watches the time in a thread.
import faulthandler

faulthandler.dump_traceback_later(60)
print("watched")
faulthandler.cancel_dump_traceback_later()
