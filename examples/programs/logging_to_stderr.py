import logging
import logging.handlers
import warnings

logging.basicConfig(level=logging.INFO, format="%(levelname)-8s %(name)s:%(lineno)d %(message)s")
log = logging.getLogger("shop.orders")
log.debug("not shown")
log.info("order %d of %s", 7, "Ada")
log.warning("stock is low: %r", {"apples": 1})
try:
    {}["missing"]
except KeyError:
    log.exception("lookup failed")
memory = logging.handlers.MemoryHandler(100, target=logging.StreamHandler())
logging.getLogger("other").addHandler(memory)
logging.getLogger("other").error("kept until the end")
warnings.warn("this is an old way to do it", DeprecationWarning)
print("done")
