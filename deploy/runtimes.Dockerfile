# Adds a runtime to the image of deploy/Dockerfile: the Python of another image, with all that is installed in it. That
# image may be of any system with glibc 2.34 or newer. docs/runtimes.md tells more.
#
#   docker build -f deploy/runtimes.Dockerfile -t sandpiper-python --build-arg PYTHON=python:3.13-slim \
#     --build-arg "PACKAGES=numpy pandas" deploy
ARG SANDPIPER=sandpiper
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS python
# Its path in that image; what pip installs there; the name that requests say.
ARG INTERPRETER=/usr/local/bin/python3
ARG PACKAGES=
ARG NAME=python
RUN [ -z "$PACKAGES" ] || "$INTERPRETER" -m pip install --no-cache-dir --root-user-action=ignore $PACKAGES
# The image of Sandpiper has no such files.
RUN find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
RUN printf 'runtimes:\n  %s: { root: python, interpreter: %s }\n' "$NAME" "$INTERPRETER" >/runtimes.yaml

FROM ${SANDPIPER}
COPY --from=python / /runtimes/python/
COPY --from=python /runtimes.yaml /runtimes/
ENV SANDPIPER_RUNTIMES=/runtimes/runtimes.yaml
