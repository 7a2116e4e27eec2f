FROM python:3.11-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build

# Dependencies before the source: a change of the source does not fetch them again.
COPY requirements/uv.txt requirements/run.txt requirements/
RUN python -m venv /tools \
    && /tools/bin/pip install --quiet --require-hashes --requirement requirements/uv.txt \
    && python -m venv --without-pip /opt/leadline \
    && /tools/bin/uv pip sync --quiet --require-hashes --python /opt/leadline/bin/python requirements/run.txt

# What .dockerignore lets through: the packages, pyproject.toml, README.md and LICENSE.
COPY . .
# hatchling is in the lock for this step alone; nothing is fetched here.
RUN /tools/bin/uv pip install --quiet --offline --no-deps --no-build-isolation --python /opt/leadline/bin/python .


FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 leadline \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/leadline --shell /usr/sbin/nologin leadline \
    && install -d -o leadline -g leadline /var/lib/leadline /var/lib/mlflow

COPY --from=build /opt/leadline /opt/leadline
COPY deploy/healthcheck.py /usr/local/bin/healthcheck

# The root is read-only when it runs: whatever wants to cache finds a home in /tmp.
ENV HOME=/tmp \
    PATH=/opt/leadline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LEADLINE_HOME=/var/lib/leadline \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba \
    XDG_CACHE_HOME=/tmp/cache \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=1 \
    FEAST_USAGE=False

USER 10001:10001
WORKDIR /var/lib/leadline
ENTRYPOINT ["leadline"]
CMD ["--help"]
