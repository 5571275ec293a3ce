"""The kubelet, kube-proxy and kube-scheduler of one node."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.rigs.binaries import component
from tests.rigs.control_plane import ControlPlane
from tests.rigs.node.containerd import POD_NETWORK, SOCKET
from tests.rigs.node.sandbox import Sandbox
from tests.rigs.processes import ProcessSet

NODE_NAME = "node-1"
NODE_USER = f"system:node:{NODE_NAME}"
PROXY_USER = "system:kube-proxy"
SCHEDULER_USER = "system:kube-scheduler"
CLIENT_CERTIFICATE = "api-server.crt"
CLIENT_KEY = "api-server.key"
USERS = {NODE_USER: ["system:nodes"], PROXY_USER: [], SCHEDULER_USER: []}


def kubelet_configuration(directory: Path, cgroup_root: str) -> dict[str, object]:
    """Return the kubelet's configuration for a machine without systemd, with swap and either cgroup version."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "2s"},
            "x509": {"clientCAFile": str(directory / CLIENT_CERTIFICATE)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup_root}",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        # The rig's own folder may lie on a disk that is nearly full: that is no reason to evict pods.
        "evictionHard": {"memory.available": "50Mi"},
        "imageGCHighThresholdPercent": 100,
        "resolvConf": str(directory / "resolv.conf"),
        "nodeStatusUpdateFrequency": "2s",
        "maxPods": 60,
        "shutdownGracePeriod": "0s",
    }


def write_client_certificate(directory: Path) -> None:
    """Make the certificate by which the API server is known to the kubelet; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
            x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver-kubelet-client"),
        ]
    )
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / CLIENT_CERTIFICATE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = directory / CLIENT_KEY
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def start(sandbox: Sandbox, plane: ControlPlane, directory: Path, processes: ProcessSet, *, cgroup_root: str) -> None:
    """Start kubelet, kube-proxy and kube-scheduler; the API server and containerd are up."""
    # Nothing answers here, so a name that isn't known fails at once instead of after a time-out.
    (directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    config = directory / "kubelet.json"
    config.write_text(json.dumps(kubelet_configuration(directory, cgroup_root)))
    processes.start(
        "kubelet",
        [
            *sandbox.prefix,
            *component("kubelet"),
            f"--config={config}",
            f"--kubeconfig={plane.kubeconfig_of(NODE_USER)}",
            f"--root-dir={directory}/kubelet",
            f"--cert-dir={directory}/kubelet-certificates",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={sandbox.address}",
        ],
    )
    processes.start(
        "kube-proxy",
        [
            *sandbox.prefix,
            *component("kube-proxy"),
            f"--kubeconfig={plane.kubeconfig_of(PROXY_USER)}",
            f"--hostname-override={NODE_NAME}",
            "--proxy-mode=iptables",
            f"--cluster-cidr={POD_NETWORK}",
            # Zero means: leave the machine's own limits of connection tracking alone.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
        ],
    )
    processes.start(
        "kube-scheduler",
        [
            *sandbox.prefix,
            *component("kube-scheduler"),
            f"--kubeconfig={plane.kubeconfig_of(SCHEDULER_USER)}",
            "--leader-elect=false",
            "--secure-port=0",
        ],
    )
