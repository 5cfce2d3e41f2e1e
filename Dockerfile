# The one image for GitHub, GitLab, every other CI and `docker run`.
#
# It also builds on each use of a branch or commit (`uses: mogplex/run-action@main`), and with engines that lack BuildKit:
# no RUN mounts, heredocs or COPY flags. Layers go from what changes least to what changes most. Files have one fixed time
# stamp and byte code has none, so that the same base and the same files give the same layers on every machine.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

# --- The dependencies, alone in a virtual environment without pip ---
FROM ${PYTHON_IMAGE} AS dependencies
COPY requirements/runtime.txt /src/requirements/
# What is locked, as it is: pip resolves nothing, and runs no package's own build script. The libraries' own tests go.
RUN python -m venv --without-pip /app \
 && rm /app/bin/activate* /app/bin/Activate.ps1 \
 && pip --python /app/bin/python install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes \
      --requirement /src/requirements/runtime.txt \
 && pip --python /app/bin/python check \
 && packages=$(echo /app/lib/python3*/site-packages) \
 && rm -r "$packages"/*/tests "$packages/jsonschema/benchmarks" \
 && python -m compileall -q -f --invalidation-mode unchecked-hash /app/lib \
 && find /app -exec touch --no-dereference --date 2025-01-01 {} +

# --- The program, as a tree to lay over the dependencies ---
FROM dependencies AS program
COPY requirements/build.txt /src/requirements/
RUN python -m venv --without-pip /build \
 && pip --python /build/bin/python install --no-cache-dir --no-deps --only-binary :all: --require-hashes \
      --requirement /src/requirements/build.txt
COPY LICENSE README.md pyproject.toml /src/
COPY mogplex_ci /src/mogplex_ci
# pip writes a script that lets PYTHONPATH and the working folder decide what is imported: a job whose script calls
# mogplex-ci would run the workspace's own requests.py with the token. -Iu as in the entry point below.
RUN pip --python /build/bin/python wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel /src \
 && pip --python /app/bin/python install --no-cache-dir --no-compile --no-deps --no-index --prefix /program /wheel/*.whl \
 && sed -i '1s|^#!/app/bin/python$|& -Iu|' /program/bin/mogplex-ci \
 && ln -s mogplex-ci /program/bin/mogplex
COPY entrypoint.py main.py post.py /program/
RUN python -m compileall -q --invalidation-mode unchecked-hash /program/lib \
 && chmod -R u=rwX,go=rX /program \
 && find /program -exec touch --no-dereference --date 2025-01-01 {} +

# --- The root file system: the base and jq, without what only serves to install or configure software ---
FROM ${PYTHON_IMAGE} AS root
# The base has no byte code for the standard library, and a container that lives for one step would compile it each time.
RUN apt-get update --option Acquire::Retries=3 \
 && apt-get install --yes --option Acquire::Retries=3 --no-install-recommends jq=1.7.* \
 && stdlib=$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') \
 && rm -rf "$stdlib/ensurepip" "$stdlib/idlelib" "$stdlib/pydoc_data" "$stdlib/site-packages/"* "$stdlib/test" \
      "$stdlib/tkinter" "$stdlib/turtledemo" /usr/local/bin/idle* /usr/local/bin/pip* /usr/local/bin/pydoc* \
      /usr/local/include /usr/local/share/man \
 && python -m compileall -q -f --invalidation-mode unchecked-hash "$stdlib"
# Encodings go, too: Python brings its own, and the only locales are in UTF-8.
# What CI systems use to start a job in the image stays: bash, coreutils, findutils, grep, gzip, passwd (groupadd, useradd), su, tar
# and the libraries of Node.js. dpkg goes last; its list of what is installed stays, because scanners read it.
RUN dpkg --purge --force-all \
      adduser apt debconf debian-archive-keyring gpgv hostname init-system-helpers libapt-pkg7.0 libhogweed6t64 \
      libnettle8t64 libseccomp2 mount perl-base python3-packaging python3-pip python3-setuptools python3-wheel \
      sqv sysvinit-utils \
 && dpkg --purge --force-all dpkg
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && find /usr/share/doc -type f -not -name copyright -delete \
 && find /var/lib/dpkg -type f -not -name status -not -name '*.list' -not -name '*.md5sums' -delete \
 && rm -rf /tmp/* /usr/lib/*-linux-gnu/gconv /usr/share/info/* /usr/share/lintian /usr/share/locale/* /usr/share/man/* \
      /var/cache/* /var/lib/apt /var/log/* \
 && find /etc /root /run /tmp /usr /var -xdev -writable -exec touch --no-dereference --date 2025-01-01 {} +

# --- The image ---
FROM scratch
# hadolint ignore=DL3067
COPY --from=root / /
COPY --from=dependencies /app /app
COPY --from=program /program /app

# glibc's own threshold, but fixed: it raises it when large memory is freed, and then keeps what pages of events needed.
ENV LANG=C.UTF-8 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
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
CMD []
