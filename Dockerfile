# syntax=docker/dockerfile:1
# docker build --tag rlslint . && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" rlslint check
# --user: what rlslint writes (fix, --baseline, --output) belongs to whoever runs it. With --read-only, --since needs a
# --tmpfs /tmp for the files as they were
FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY rlslint rlslint
COPY rules rules
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
# for --since
RUN apt-get update && apt-get install --no-install-recommends -y git && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*' \
    && useradd --create-home rlslint
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels rlslint
USER rlslint
WORKDIR /work
ENTRYPOINT ["rlslint"]
CMD ["check"]
