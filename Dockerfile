# A host: `docker build -t botted .`, then see docker-compose.yml.
FROM python:3.11-slim
WORKDIR /app
COPY requirements.lock requirements-uv.lock ./
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements-uv.lock \
    && uv pip install --system --no-cache --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY workflows workflows
COPY activities activities
COPY worker worker
COPY api api
COPY config config
RUN uv pip install --system --no-cache --no-deps --no-build-isolation . \
    && useradd --create-home botted && mkdir /data && chown botted /data
USER botted
ENV BOTTED_DATA_DIR=/data
CMD ["python", "-m", "worker"]
