"""The metrics that Temporal's SDK keeps of this process."""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from worker.embedded import ports

_TRIES = 5


def runtime_with_metrics() -> tuple[Runtime, str]:
    """A runtime, and where on loopback it tells its metrics; the service passes them on under /metrics."""
    for _ in range(_TRIES - 1):
        try:
            return _runtime(ports.choose(avoiding=set()))
        except ValueError:  # somebody was quicker at that port
            continue
    return _runtime(ports.choose(avoiding=set()))


def _runtime(port: int) -> tuple[Runtime, str]:
    address = f"{ports.LOOPBACK}:{port}"
    telemetry = TelemetryConfig(metrics=PrometheusConfig(bind_address=address))
    return Runtime(telemetry=telemetry), f"http://{address}/metrics"
