"""Broken files, and the places that the user must be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.unit.fleets import API_KEY, CLIENT_SECRET, COOKIE_SECRET, DEFAULTS, elliptic_key, github_app, rsa_key, user

JOHN = "users/john.yaml"
DEFAULT_FILE = "users/_defaults.yaml"
OAUTH2_FILE = "secrets/_defaults/oauth2.yaml"
CLAUDE_FILE = "secrets/john/claude.yaml"
APP_FILE = "secrets/john/github-app.yaml"


@dataclass(frozen=True)
class Case:
    """A fleet with something wrong.

    Attributes:
        id: What is wrong.
        files: What differs from a valid fleet with the user john; None deletes a file.
        told: The beginning of each line that the user reads, place and key and message, in their order.
    """

    id: str
    files: Mapping[str, str | bytes | None]
    told: tuple[str, ...]


def broken(id: str, content: str | bytes, *told: str, file: str = JOHN) -> Case:
    """Make the case of one file that is replaced."""
    return Case(id, {file: content}, tuple(f"{file}{line}" for line in told))


def john(id: str, more: str, *told: str) -> Case:
    """Make the case of some lines below john's four valid ones."""
    return broken(id, user("john", more), *told)


def john_is(id: str, more: str, *told: str) -> Case:
    """Make the case of some lines in john's `user` section, from line 3 on."""
    return broken(id, f"user:\n  name: john\n{more}oauth2:\n  githubUsers: john\n", *told)


def admits(id: str, more: str, *told: str) -> Case:
    """Make the case of another allow-list, from line 3 on."""
    return broken(id, f"user: {{name: john}}\noauth2:\n{more}", *told)


def defaults(id: str, more: str, *told: str) -> Case:
    """Make the case of some lines below the four valid ones of `_defaults.yaml`."""
    return broken(id, DEFAULTS + more, *told, file=DEFAULT_FILE)


def oauth2(id: str, *told: str, client: str = CLIENT_SECRET, cookie: str = COOKIE_SECRET) -> Case:
    """Make the case of other OAuth secrets."""
    content = f"oauth2:\n  clientId: Ov23li\n  clientSecret: {client}\n  cookieSecret: {cookie}\n"
    return broken(id, content, *told, file=OAUTH2_FILE)


def app(id: str, content: str, *told: str) -> Case:
    """Make the case of a GitHub App."""
    return broken(id, content, *told, file=APP_FILE)


YAML = (
    broken("bracket without end", "user: [a,\n", ":1: isn't valid YAML"),
    broken("quote without end", "user: 'a\n", ":1: isn't valid YAML"),
    broken("tab", "user:\n\tname: john\n", ":2: isn't valid YAML: found character that cannot start any token"),
    broken("two documents", "a: 1\n---\nb: 1\n", ":2: isn't valid YAML: holds more than one document"),
    broken("list", "- john\n", ":1: isn't a map of keys"),
    broken("text", "john\n", ":1: isn't a map of keys"),
    broken("not UTF-8", b"user:\n  name: j\xf6hn\n", ":2: isn't UTF-8 text"),
    broken("binary", b"\x00\x01\x02", ": isn't valid YAML"),
    broken("key twice", user("john", "user: {}\n"), ":5: user: is there twice"),
    broken("key twice below", "user: {name: john, name: jane}\n", ":1: user.name: is there twice"),
    broken("key that is no text", "1: x\n", ":1: the key '1' isn't text"),
    broken("set", "user: !!set {a, b}\n", ":1: user: uses the YAML tag"),
    broken("python object", "user: !!python/object:os.system x\n", ":1: user: uses the YAML tag"),
    broken("infinity", "user: {pvcSize: .inf}\n", ":1: user.pvcSize: is no finite number"),
    broken("endless alias", "user: &u\n  env: *u\n", ":1: user: is nested too deeply"),
    broken("too deep", "[" * 100_000, ": is nested more than 60 levels deep"),
    broken("too large", "#" * (2**18 + 1), ": is larger than 256 KiB"),
)
STRUCTURE = (
    john("unknown key", "oauth: {}\n", ":5: oauth: unknown key (did you mean oauth2?)"),
    john_is("unknown key below", "  pvcsize: 1Gi\n", ":3: user.pvcsize: unknown key (did you mean pvcSize?)"),
    john("text for a map", "resources: big\n", ":5: resources: must be a map"),
    john("map for a list", "patches: {}\n", ":5: patches: must be a list"),
    john("number for text", "image: {tag: 1.10}\n", ":5: image.tag: must be text (put it in quotes)"),
    john("text for a switch", "ingress: {tls: {enabled: never}}\n", ":5: ingress.tls.enabled: must be true or false"),
    john("word that isn't known", "image: {pullPolicy: Sometimes}\n", ":5: image.pullPolicy: isn't allowed"),
    john("patch without kind", "patches: [{merge: {}}]\n", ":5: patches[0].kind: is missing"),
    john("number too small", "api: {generation: 0}\n", ":5: api.generation: is too small"),
    broken("empty file", "", ":1: oauth2: the allow-list is empty", ":1: user.name: is missing"),
    Case("wrong ending", {"users/jane.yml": user("jane")}, ("users/jane.yml: isn't read (rename it to jane.yaml)",)),
    Case("name with _", {"users/_x.yaml": ""}, ("users/_x.yaml: a user's name can't begin with '_'",)),
    Case("defaults missing", {DEFAULT_FILE: None}, (f"{DEFAULT_FILE}: is missing",)),
    broken("fleet id missing", 'image: {tag: "1"}\ndomain: a.io\n', ":1: fleetId: is missing", file=DEFAULT_FILE),
    broken("tag missing", "fleetId: a\ndomain: a.io\nimage: {}\n", ":3: image.tag: is missing", file=DEFAULT_FILE),
    defaults("host for everybody", "user: {host: x.io}\n", ":5: user.host: is each user's own"),
    john("fleet's key", "fleetId: other\n", ":5: fleetId: belongs to the whole fleet"),
)
NAMES = (
    broken("other name", user("jane"), ":2: user.name: is 'jane', but the file is john.yaml"),
    broken("capitals", user("John"), ":2: user.name: 'John' is no DNS-1123 label", file="users/John.yaml"),
    broken("long name", user("j" * 41), ":2: user.name: is 41 characters long", file=f"users/{'j' * 41}.yaml"),
    broken("reserved name", user("base"), ":2: user.name: the name 'base' is reserved", file="users/base.yaml"),
    john("system namespace", "namespace: kube-system\n", ":5: namespace: 'kube-system' belongs to Kubernetes"),
    john_is("address as host", "  host: 10.0.0.1\n", ":3: user.host: '10.0.0.1' is an address"),
    john_is("URL as host", "  host: https://a.io/\n", ":3: user.host: 'https://a.io/' isn't a bare host name"),
    Case(
        "one host for two",
        {"users/max.yaml": "user:\n  name: max\n  host: john.dev.company.com\noauth2: {githubUsers: max}\n"},
        ("users/max.yaml:3: user.host: john.dev.company.com is john's host already",),
    ),
    Case(
        "one certificate for two",
        {
            JOHN: user("john", "ingress: {tls: {secretName: tls, clusterIssuer: le}}\n"),
            "users/max.yaml": user("max", "ingress: {tls: {secretName: tls, clusterIssuer: le}}\n"),
        },
        ("users/max.yaml:5: ingress.tls.secretName: tls gets john's certificate already",),
    ),
    john(
        "taken Secret",
        "ingress: {tls: {secretName: ws-john-door}}\n",
        ":5: ingress.tls.secretName: ws-john-door is a workspace's own Secret",
    ),
)
VALUES = (
    john_is("size with B", "  pvcSize: 50GB\n", ":3: user.pvcSize: '50GB' is no quantity (write 50Gi)"),
    john_is("no size", "  pvcSize: 0\n", ":3: user.pvcSize: '0' isn't larger than zero"),
    john(
        "memory in milli",
        "resources: {limits: {memory: 4000m}}\n",
        ":5: resources.limits.memory: '4000m' is too little",
    ),
    john("unknown resource", "resources: {limits: {mem: 4Gi}}\n", ":5: resources.limits.mem: is no resource"),
    john(
        "request above limit",
        "resources: {requests: {cpu: 3}}\n",
        ":5: resources.requests.cpu: 3 is more than the limit 2",
    ),
    john_is("variable with a number", "  env: [{name: A, value: 1}]\n", ":3: user.env[0].value: A isn't text"),
    john_is(
        "variable with two values", "  env: [{name: A, value: '', valueFrom: {}}]\n", ":3: user.env[0]: A has value and"
    ),
    john_is(
        "variable from nowhere",
        "  env: [{name: A, valueFrom: {file: x}}]\n",
        ":3: user.env[0].valueFrom: names no source",
    ),
    john_is("variable with a bad name", "  env: [{name: 1A}]\n", ":3: user.env[0]: '1A' is no name"),
    john_is("variable of ours", "  env: [{name: KUBECODER_URL}]\n", ":3: user.env[0]: 'KUBECODER_URL' is kubecoder's"),
    john_is("variable twice", "  env: [{name: A}, {name: A}]\n", ":3: user.env: A is there twice"),
    defaults("variable in the defaults", "user: {env: [{name: A, value: 1}]}\n", ":5: user.env[0].value: A isn't text"),
    john("placeholder tag", "image: {tag: REPLACE-ME}\n", ":5: image.tag: 'REPLACE-ME' is a placeholder"),
    john(
        "tag in the repository",
        "image: {repository: 'a/b:1'}\n",
        ":5: image.repository: 'a/b:1' is no image repository",
    ),
    john(
        "bad CIDR",
        "networkPolicy: {denyEgressCIDRs: [10.0.0.1/8]}\n",
        ":5: networkPolicy.denyEgressCIDRs[0]: '10.0.0.1/8'",
    ),
    john(
        "bad peer", "networkPolicy: {ingressFrom: [{pod: x}]}\n", ":5: networkPolicy.ingressFrom[0]: unknown key 'pod'"
    ),
    john("bad toleration", "tolerations: [{name: x}]\n", ":5: tolerations[0]: unknown key 'name'"),
    john("bad label", "nodeSelector: {disk: a b}\n", ":5: nodeSelector: 'a b' is no label value"),
    john(
        "label that is no text", "nodeSelector: {gpu: true}\n", ":5: nodeSelector.gpu: must be text (put it in quotes)"
    ),
    john(
        "CIDR of rubbish", "networkPolicy: {denyEgressCIDRs: [all]}\n", ":5: networkPolicy.denyEgressCIDRs[0]: 'all' is"
    ),
    john("image of rubbish", "images: {buildkit: 'a b'}\n", ":5: images.buildkit: 'a b' is no image"),
    john("empty peer", "networkPolicy: {ingressFrom: [{}]}\n", ":5: networkPolicy.ingressFrom[0]: a peer is empty"),
    john("null in a list", "tolerations: [null]\n", ":5: tolerations[0]: must be a map"),
    john_is("variable without a name", "  env: [{value: x}]\n", ":3: user.env[0]: is no environment variable"),
    admits("organisation with a space", "  githubOrg: a b\n", ":3: oauth2.githubOrg: 'a b' is no name"),
    john(
        "unknown mode",
        "claude: {allowedPermissionModes: [yolo]}\n",
        ":5: claude.allowedPermissionModes[0]: isn't allowed",
    ),
    john("no mode", "claude: {allowedPermissionModes: []}\n", ":5: claude.allowedPermissionModes: is empty"),
    defaults("bad address", "letsEncrypt: {email: me}\n", ":5: letsEncrypt.email: 'me' is no e-mail address"),
)
RULES = (
    admits("nobody", "  githubUsers: ''\n", ":2: oauth2: the allow-list is empty"),
    admits("team alone", "  githubTeam: dev\n", ":3: oauth2.githubTeam: a team needs its organisation"),
    admits(
        "placeholder login", "  githubUsers: GITHUB_USERNAME_HERE\n", ":3: oauth2.githubUsers: 'GITHUB_USERNAME_HERE'"
    ),
    admits("login with @", "  githubUsers: '@john'\n", ":3: oauth2.githubUsers: '@john' is no GitHub login"),
    john(
        "issuer beside a gateway",
        "ingress:\n  gateway: {name: g}\n  tls: {clusterIssuer: le}\n",
        ":7: ingress.tls.clusterIssuer: beside a gateway it has no effect",
    ),
    john("quota in a shared namespace", "quota: {hard: {pods: 9}}\n", ":5: quota: needs a namespace of the user's own"),
    john("dind in a shared namespace", "build: {mode: dind}\n", ":5: build.mode: needs a namespace of the user's own"),
    Case(
        "buildkit beside another user",
        {
            JOHN: user("john", "namespace: a\nbuild: {mode: buildkit}\n"),
            "users/max.yaml": user("max", "namespace: a\n"),
        },
        (f"{JOHN}:6: build.mode: needs a namespace of the user's own; 'a' is shared",),
    ),
    john(
        "patch that renames",
        "patches: [{kind: A, merge: {metadata: {name: b}}}]\n",
        ":5: patches[0].merge.metadata.name:",
    ),
    john(
        "patch of our label",
        "patches: [{kind: A, merge: {metadata: {labels: {kubecoder.dev/fleet: b}}}}]\n",
        ":5: patches[0].merge.metadata.labels: 'kubecoder.dev/fleet' is kubecoder's own",
    ),
    john(
        "patch directive", "patches: [{kind: A, merge: {spec: {$patch: replace}}}]\n", ":5: patches[0].merge: unknown"
    ),
    john("secret in a user file", f"claude: {{apiKey: {API_KEY}}}\n", ":5: claude.apiKey: a secret"),
    defaults(
        "secret in the defaults", f"oauth2:\n  clientSecret: {CLIENT_SECRET}\n", ":6: oauth2.clientSecret: a secret"
    ),
)
SECRETS = (
    Case("no client", {OAUTH2_FILE: None}, (f"{OAUTH2_FILE}: is missing; without",)),
    broken(
        "client without secret",
        f"oauth2:\n  clientId: a\n  cookieSecret: {COOKIE_SECRET}\n",
        ":1: oauth2.clientSecret: is missing",
        file=OAUTH2_FILE,
    ),
    oauth2("placeholder", ":3: oauth2.clientSecret: is a placeholder", client="PLACEHOLDER-OVERRIDE-WITH-SECRETS-FILE"),
    broken("client taken away", "oauth2: null\n", ":1: oauth2: is missing; without", file=OAUTH2_FILE),
    oauth2("blank", ":3: oauth2.clientSecret: is empty", client='" "'),
    oauth2("short cookie secret", ":4: oauth2.cookieSecret: is 5 bytes, not 16, 24 or 32", cookie="aBcDe"),
    oauth2(
        "cookie secret of openssl -base64",
        ":4: oauth2.cookieSecret: is 44 bytes, not 16, 24 or 32",
        cookie="q7OF9sK2/Pnt9QKNoBBmxWRL3GAbWzvj+a1B2c3D4e5=",
    ),
    oauth2("cookie secret of one letter", ":4: oauth2.cookieSecret: is a few characters repeated", cookie="x" * 32),
    broken("key with a space", "claude:\n  apiKey: sk-ant abc\n", ":2: claude.apiKey: holds white", file=CLAUDE_FILE),
    broken("key that is a number", "claude:\n  apiKey: 12345\n", ":2: claude.apiKey: must be text", file=CLAUDE_FILE),
    broken("unknown secret", f"claude:\n  apiKey: {API_KEY}\n  key: x\n", ":3: claude.key: unknown", file=CLAUDE_FILE),
    broken(
        "secret at the top", f"apiKey: {API_KEY}\n", ":1: apiKey: unknown", ":1: claude: is missing", file=CLAUDE_FILE
    ),
    broken("secret without its map", f"claude: {API_KEY}\n", ":1: claude: must be a map", file=CLAUDE_FILE),
    broken("secret that is no YAML", f"claude: {{apiKey: '{API_KEY}\n", ":1: isn't valid YAML", file=CLAUDE_FILE),
    Case("secrets file of no use", {"secrets/john/anthropic.yaml": ""}, ("secrets/john/anthropic.yaml: isn't read",)),
    app(
        "App's key in one line",
        github_app("a").replace("|\n      a", r"'-----BEGIN\nabc\n-----END'"),
        r":5: github.app.privateKey: holds \n as two characters",
    ),
    app(
        "App's key of rubbish",
        github_app("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"),
        ":5: github.app.privateKey: is no private key in PEM format",
    ),
    app(
        "App's key from the README",
        github_app("-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----"),
        ":5: github.app.privateKey: is a placeholder",
    ),
    app("App's key encrypted", github_app(rsa_key("password")), ":5: github.app.privateKey: is encrypted"),
    app("App's key of another kind", github_app(elliptic_key()), ":5: github.app.privateKey: is no RSA key"),
    app(
        "App without installation",
        github_app(rsa_key()).replace('    installationId: "12345678"\n', ""),
        ":2: github.app.installationId: is missing",
    ),
    app(
        "App with a name for an id", github_app(rsa_key()).replace("1234567\n", "my-app\n"), ":3: github.app.appId: is"
    ),
)
CASES = (*YAML, *STRUCTURE, *NAMES, *VALUES, *RULES, *SECRETS)
