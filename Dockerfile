# The two commands of the README in a container: a search on the demo corpus, then the tests.
#
#     docker build -t serbench .
#     docker run --rm --shm-size=1g serbench
#     docker run --rm --shm-size=1g -v "$PWD/results:/serbench/results" serbench uv run serbench search
#
# Built with buildah from a base of Debian's own Python 3.11, where `serbench doctor` ran. Tests that need Chromium,
# PostgreSQL or ffmpeg are skipped in it.
FROM python:3.11-slim
RUN pip install --no-cache-dir uv
WORKDIR /serbench
COPY . .
RUN uv sync --compile-bytecode
CMD ["sh", "-c", "uv run serbench search && uv run pytest"]
