# The one image for GitHub, GitLab, every other CI and `docker run`.
#
# It also builds on each use of a branch or commit (`uses: mogplex/run-action@main`), and with engines that lack BuildKit:
# no RUN mounts, heredocs or COPY flags. Layers go from what changes least to what changes most.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

# --- The dependencies, alone in a virtual environment without pip ---
FROM ${PYTHON_IMAGE} AS dependencies
COPY requirements/runtime.txt /src/requirements/
# Wheels only: installing never runs a package's own build script. Byte code without time stamps, and files with one fixed
# time stamp, make the layer the same on every machine.
RUN python -m venv --without-pip /app \
 && rm /app/bin/activate* /app/bin/Activate.ps1 \
 && pip --python /app/bin/python install --no-cache-dir --no-compile --only-binary :all: --require-hashes \
      --requirement /src/requirements/runtime.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash /app/lib \
 && find /app -exec touch --no-dereference --date 2025-01-01 {} +

# --- The program, as a tree to lay over the dependencies ---
FROM dependencies AS program
COPY requirements/build.txt /src/requirements/
RUN python -m venv --without-pip /build \
 && pip --python /build/bin/python install --no-cache-dir --only-binary :all: --require-hashes \
      --requirement /src/requirements/build.txt
COPY LICENSE README.md pyproject.toml /src/
COPY mogplex_ci /src/mogplex_ci
RUN pip --python /build/bin/python wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel /src \
 && pip --python /app/bin/python install --no-cache-dir --no-compile --no-deps --no-index --prefix /program /wheel/*.whl \
 && ln -s mogplex-ci /program/bin/mogplex
COPY entrypoint.py post.py /program/
RUN python -m compileall -q --invalidation-mode unchecked-hash /program/lib \
 && chmod -R u=rwX,go=rX /program \
 && find /program -exec touch --no-dereference --date 2025-01-01 {} +

# --- The image ---
FROM ${PYTHON_IMAGE}
# The base brings `sh` and the CA certificates. It has no byte code for the standard library, and a container that lives for one step would compile
# it anew each time.
RUN start=$(date +%s) \
 && apt-get update --option Acquire::Retries=3 \
 && apt-get install --yes --option Acquire::Retries=3 --no-install-recommends jq=1.7.* \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* \
 && find /var/log /var/cache/ldconfig -type f -exec truncate --size 0 {} + \
 && python -m compileall -q --invalidation-mode unchecked-hash \
      -x '/(ensurepip|idlelib|pydoc_data|site-packages|test|tkinter|turtledemo)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && find /etc /tmp /usr /var -xdev -newerct "@${start}" -writable -exec touch --no-dereference --date 2025-01-01 {} +
COPY --from=dependencies /app /app
COPY --from=program /program /app

ENV PATH=/app/bin:$PATH \
    PYTHONUNBUFFERED=1

LABEL org.opencontainers.image.title="Mogplex run-action" \
      org.opencontainers.image.description="Run a Mogplex cloud agent from any CI pipeline: start it, follow it, and act on how it ended." \
      org.opencontainers.image.url="https://github.com/mogplex/run-action" \
      org.opencontainers.image.source="https://github.com/mogplex/run-action" \
      org.opencontainers.image.documentation="https://github.com/mogplex/run-action#readme" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="Mogplex"

# It runs as root: GitHub mounts the workspace and its file commands (GITHUB_OUTPUT, GITHUB_STATE, …) owned by the runner's
# user, whose id differs from machine to machine, and only root can write them everywhere.

# Python is PID 1, so that it gets the signals that cancel a job. -I: nothing in the workspace or the job's environment is
# imported. -u: -I ignores PYTHONUNBUFFERED, and a line that waits in a buffer is lost when the container is killed.
ENTRYPOINT ["/app/bin/python", "-Iu", "/app/entrypoint.py"]
