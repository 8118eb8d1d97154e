#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What schemas cannot tell of manifests: whether they fit together, and what they may do.

usage: kubernetes.py check NAME=FILE...     TAP, one line a build and check; breaches below it
       kubernetes.py objects NAME=FILE...   the same objects as JSON, {NAME: [object...]}
       kubernetes.py faults FILE...         TAP: each of the faults below is found in the objects
       kubernetes.py get FILE KIND NAME [KEY...]   a value as JSON
"""
import copy
import json
import re
import sys

import yaml

# What the agent may do beyond others, and nobody else.
CAPABILITIES = {"DAC_READ_SEARCH", "SYS_PTRACE", "BPF", "PERFMON", "CHOWN"}
WRITTEN = {"/var/lib/peekpush-kubernetes", "/sys/fs/bpf"}
VOLUMES = {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "hostPath"}
CLUSTER = {"Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding"}
ELSEWHERE = {"monitoring"}


def load(path):
    with open(path, encoding="utf-8") as file:
        objects = [each for each in yaml.safe_load_all(file) if each]
    for each in objects:
        if each["kind"] == "Secret":
            # Line ends in base64 are for readers.
            each["data"] = {k: re.sub(r"\s", "", v) for k, v in each.get("data", {}).items()}
    return objects


def get(where, *path, default=None):
    for key in path:
        if isinstance(where, list) and isinstance(key, int) and key < len(where):
            where = where[key]
        elif isinstance(where, dict) and key in where:
            where = where[key]
        else:
            return default
    return where


def title(each):
    return f"{each['kind']} {each['metadata']['name']}"


class Set:
    """The objects of one build."""

    def __init__(self, objects):
        self.objects = objects
        self.templates = []
        for each in objects:
            path = {"CronJob": ("spec", "jobTemplate", "spec", "template")}.get(
                each["kind"], ("spec", "template"))
            if each["kind"] in ("DaemonSet", "StatefulSet", "Deployment", "Job", "CronJob"):
                self.templates.append((each, get(each, *path, default={})))

    def of(self, kind, namespace=None):
        return [each for each in self.objects if each["kind"] == kind and
                namespace in (None, each["metadata"].get("namespace"))]

    def named(self, kind, namespace, name):
        return next((each for each in self.of(kind, namespace)
                     if each["metadata"]["name"] == name), None)

    def pods(self, namespace, labels):
        return [(each, pod) for each, pod in self.templates
                if each["metadata"].get("namespace") == namespace and
                labels.items() <= get(pod, "metadata", "labels", default={}).items()]

    def containers(self):
        for each, pod in self.templates:
            for key in ("initContainers", "containers"):
                for container in get(pod, "spec", key, default=[]):
                    yield each, pod["spec"], container


def ports(pod):
    return {port["name"] for c in pod["spec"]["containers"] for port in c.get("ports", [])}


def names(s):
    """objects have names of their own, and namespaces that are there"""
    seen = set()
    spaces = {each["metadata"]["name"] for each in s.of("Namespace")}
    for each in s.objects:
        key = (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        if key in seen:
            yield f"{title(each)} is there twice"
        seen.add(key)
        if (each["kind"] in CLUSTER) == ("namespace" in each["metadata"]):
            yield f"{title(each)}: namespace {each['metadata'].get('namespace')}"
        if each["kind"] not in CLUSTER and each["metadata"].get("namespace") not in spaces:
            yield f"{title(each)}: its namespace is not there"


def selectors(s):
    """selectors select something, and ports exist"""
    for each, pod in s.templates:
        want = get(each, "spec", "selector", "matchLabels")
        if want and not want.items() <= get(pod, "metadata", "labels", default={}).items():
            yield f"{title(each)} does not select its own pods"
    for each in s.of("Service"):
        pods = s.pods(each["metadata"]["namespace"], each["spec"]["selector"])
        if not pods:
            yield f"{title(each)} selects nothing"
        for port in each["spec"]["ports"]:
            if any(port["targetPort"] not in ports(pod) for _, pod in pods):
                yield f"{title(each)}: no port {port['targetPort']}"
    for each in s.of("StatefulSet"):
        if not s.named("Service", each["metadata"]["namespace"], each["spec"]["serviceName"]):
            yield f"{title(each)}: no service {each['spec']['serviceName']}"
    for each in s.of("ServiceMonitor"):
        found = [service for service in s.of("Service", each["metadata"]["namespace"])
                 if each["spec"]["selector"]["matchLabels"].items() <=
                 service["metadata"]["labels"].items()]
        if len(found) != 1:
            yield f"{title(each)} selects {len(found)} services"
        for end in each["spec"]["endpoints"]:
            if any(end["port"] not in [p["name"] for p in f["spec"]["ports"]] for f in found):
                yield f"{title(each)}: no port {end['port']}"
            if not end.get("honorLabels"):
                yield f"{title(each)} does not honor labels"


def policies(s):
    """every pod that a network reaches has a policy, whose peers and ports exist"""
    for each in s.of("NetworkPolicy"):
        own = each["metadata"]["namespace"]
        pods = s.pods(own, each["spec"]["podSelector"].get("matchLabels", {}))
        if not pods:
            yield f"{title(each)} selects nothing"
        for rule in each["spec"].get("ingress", []):
            if not rule.get("from"):
                yield f"{title(each)}: from anywhere"
            for port in rule.get("ports", []):
                if any(port["port"] not in ports(pod) for _, pod in pods):
                    yield f"{title(each)}: no port {port['port']}"
            for peer in rule.get("from", []):
                space = get(peer, "namespaceSelector", "matchLabels",
                            "kubernetes.io/metadata.name")
                want = get(peer, "podSelector", "matchLabels")
                if not get(peer, "namespaceSelector", "matchLabels"):
                    yield f"{title(each)}: a peer without a namespace"
                if space and space not in ELSEWHERE and not s.pods(space, want or {}):
                    yield f"{title(each)}: nobody in {space} has {want}"
    for each, pod in s.templates:
        if each["kind"] in ("DaemonSet", "StatefulSet") and not any(
                policy["spec"]["podSelector"].get("matchLabels", {}).items() <=
                pod["metadata"]["labels"].items()
                for policy in s.of("NetworkPolicy", each["metadata"]["namespace"])):
            yield f"{title(each)} has no policy"


def volumes(s):
    """mounts have volumes, volumes have mounts and sources, and those exist"""
    for each, pod in s.templates:
        pod, own = pod["spec"], each["metadata"]["namespace"]
        there = {volume["name"]: volume for volume in pod.get("volumes", [])}
        there |= {claim["metadata"]["name"]: {"claim": {}}
                  for claim in each["spec"].get("volumeClaimTemplates", [])}
        mounted = set()
        for _, _, container in (c for c in s.containers() if c[0] is each):
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            if len(set(paths)) != len(paths):
                yield f"{title(each)}: two mounts at one place"
            for mount in container.get("volumeMounts", []):
                mounted.add(mount["name"])
                if mount["name"] not in there:
                    yield f"{title(each)}: no volume {mount['name']}"
        for name in there.keys() - mounted:
            yield f"{title(each)}: nobody mounts {name}"
        for volume in pod.get("volumes", []):
            for kind, source, key in (("ConfigMap", "configMap", "name"),
                                      ("Secret", "secret", "secretName"),
                                      ("PersistentVolumeClaim", "persistentVolumeClaim",
                                       "claimName")):
                if source in volume and not s.named(kind, own, volume[source][key]):
                    yield f"{title(each)}: no {kind} {volume[source][key]} in {own}"
    for each in s.of("ServiceMonitor"):
        for end in each["spec"]["endpoints"]:
            for secret in (get(end, "basicAuth", "username"), get(end, "basicAuth", "password"),
                           get(end, "tlsConfig", "ca", "secret")):
                held = secret and s.named("Secret", each["metadata"]["namespace"], secret["name"])
                if secret and secret["key"] not in get(held, "data", default={}):
                    yield f"{title(each)}: no Secret {secret['name']} with {secret['key']}"


def least(s):
    """containers have what they need and no more"""
    for each, pod, container in s.containers():
        who = f"{title(each)}, {container['name']}"
        security = container.get("securityContext", {})
        agent = each["kind"] == "DaemonSet"
        if security.get("privileged") or security.get("allowPrivilegeEscalation", True):
            yield f"{who} may become more"
        if not security.get("readOnlyRootFilesystem"):
            yield f"{who} may write to its image"
        if get(security, "capabilities", "drop") != ["ALL"]:
            yield f"{who} keeps capabilities"
        added = set(get(security, "capabilities", "add", default=[]))
        if added - (CAPABILITIES if agent else set()):
            yield f"{who} has {added}"
        if get(pod, "securityContext", "seccompProfile", "type") != "RuntimeDefault":
            yield f"{who} has no seccomp profile"
        if pod.get("automountServiceAccountToken", True):
            yield f"{who} has a token for the API"
        if not s.named("ServiceAccount", each["metadata"]["namespace"],
                       pod.get("serviceAccountName")):
            yield f"{who}: no service account {pod.get('serviceAccountName')}"
        if pod.get("hostNetwork") or pod.get("hostIPC") or (pod.get("hostPID") and not agent):
            yield f"{who} is in the host's namespaces"
        if not re.search(r":[^:/]*[0-9][^:/]*$", container["image"]):
            yield f"{who}: image {container['image']} is not pinned"
        if not get(container, "resources", "requests", "memory") or \
                not get(container, "resources", "limits", "memory"):
            yield f"{who} has no bounds of memory"
        if "hostPort" in json.dumps(container.get("ports", [])):
            yield f"{who} opens a port of the node"
        paths = {v["name"]: v["hostPath"]["path"] for v in pod.get("volumes", [])
                 if "hostPath" in v}
        for mount in container.get("volumeMounts", []):
            path = paths.get(mount["name"])
            if path and not mount.get("readOnly") and path not in WRITTEN:
                yield f"{who} may write to the host's {path}"


def restricted(s):
    """Pod Security: each namespace says what it allows, and its pods keep to it"""
    for each in s.of("Namespace"):
        level = get(each, "metadata", "labels", "pod-security.kubernetes.io/enforce")
        if level not in ("restricted", "privileged"):
            yield f"{title(each)} enforces {level}"
        for owner, pod in s.pods(each["metadata"]["name"], {}):
            pod = pod["spec"]
            if level == "privileged":
                if owner["kind"] != "DaemonSet":
                    yield f"{title(owner)} is in a namespace that allows everything"
                continue
            if not get(pod, "securityContext", "runAsNonRoot") or \
                    not get(pod, "securityContext", "runAsUser"):
                yield f"{title(owner)} may be root"
            if any(set(v) - {"name"} - VOLUMES or "hostPath" in v
                   for v in pod.get("volumes", [])):
                yield f"{title(owner)} has a volume that is not allowed"


def secrets(s):
    """passwords and keys are in Secrets only"""
    for each in s.objects:
        if each["kind"] != "Secret" and re.search(
                r'BEGIN [A-Z ]*PRIVATE KEY|\$2[aby]\$|password"?\s*[=:]\s*"(?!/)[^"{]+"',
                json.dumps(each).replace('\\"', '"').replace("\\n", "\n")):
            yield f"{title(each)} has a secret in it"


def roles(s):
    """roles are for looking, within a namespace, and never the agent's"""
    for each in s.objects:
        if each["kind"] in ("ClusterRole", "ClusterRoleBinding"):
            yield f"{title(each)} is for the whole cluster"
    for each in s.of("Role"):
        for rule in each["rules"]:
            if set(rule["verbs"]) - {"get", "list", "watch"} or "secrets" in rule["resources"] \
                    or "*" in rule["resources"]:
                yield f"{title(each)} may do more than look"
    for each in s.of("RoleBinding"):
        if not s.named("Role", each["metadata"]["namespace"], each["roleRef"]["name"]):
            yield f"{title(each)}: no role {each['roleRef']['name']}"
        if any(subject["namespace"] not in ELSEWHERE for subject in each["subjects"]):
            yield f"{title(each)} is for one of ours"


def running(s):
    """services are probed, jobs end, and groups have names that come again"""
    for each, pod, container in s.containers():
        who = f"{title(each)}, {container['name']}"
        named = {port["name"] for port in container.get("ports", [])}
        words = container.get("args", []) + container.get("command", [])
        if each["kind"] in ("DaemonSet", "StatefulSet") and "livenessProbe" not in container:
            yield f"{who} is not probed"
        for key in ("startupProbe", "livenessProbe", "readinessProbe"):
            how = [k for k in container.get(key, {}) if k in ("exec", "httpGet", "tcpSocket")]
            if key in container and len(how) != 1:
                yield f"{who}: {key} asks in {len(how)} ways"
            port = get(container, key, how[0] if how else "", "port")
            if port and port not in named:
                yield f"{who}: {key} asks port {port}"
        defined = {variable["name"] for variable in container.get("env", [])}
        for name in re.findall(r"\$\(([A-Za-z_]+)\)", " ".join(words)):
            if name in ("NAMESPACE", "SHARD", "NODE_NAME") and name not in defined:
                yield f"{who}: {name} is not defined"
        for variable in container.get("env", []):
            field = get(variable, "valueFrom", "fieldRef", "fieldPath", default="")
            if field in ("metadata.name", "metadata.uid", "status.podIP"):
                yield f"{who}: {variable['name']} is another one each time"
        if "run" in words and f"--job={each['metadata']['name']}" not in words:
            yield f"{who}: the job is not called as what starts it"
        if "run" in words and "--label=namespace=$(NAMESPACE)" not in words:
            yield f"{who}: the group has no namespace"
        if "run" in words and pod.get("terminationGracePeriodSeconds", 0) < 15 + 5:
            yield f"{who}: no time for the last push"
    for each in s.of("CronJob"):
        if each["spec"].get("concurrencyPolicy") != "Forbid":
            yield f"{title(each)}: two writers of one group"
    for each in s.of("StatefulSet"):
        if each["spec"]["replicas"] != 1:
            yield f"{title(each)}: {each['spec']['replicas']} of them"
    for each in s.of("DaemonSet"):
        env = {v["name"]: v for v in each["spec"]["template"]["spec"]["containers"][0]["env"]}
        if get(env, "PEEKPUSH_INSTANCE", "valueFrom", "fieldRef", "fieldPath") != "spec.nodeName":
            yield f"{title(each)}: the instance is not the node"
        if each["spec"]["template"]["spec"].get("tolerations") != [{"operator": "Exists"}]:
            yield f"{title(each)} is not on every node"


CHECKS = (names, selectors, policies, volumes, least, restricted, secrets, roles, running)


# What has to be found: the check, the object, the place, and what is there then (None: nothing).
POD = ("spec", "template", "spec")
FIRST = POD + ("containers", 0)
CRON = ("spec", "jobTemplate", "spec", "template", "spec")
FAULTS = (
    (names, "Namespace peekpush", ("metadata", "name"), "other"),
    (selectors, "DaemonSet peekpush", ("spec", "selector", "matchLabels"), {"a": "b"}),
    (selectors, "Service pushgateway", ("spec", "selector"), {"app": "pushgateway"}),
    (selectors, "Service pushgateway", ("spec", "ports", 0, "targetPort"), "web"),
    (selectors, "ServiceMonitor pushgateway", ("spec", "endpoints", 0, "port"), "web"),
    (selectors, "ServiceMonitor pushgateway", ("spec", "endpoints", 0, "honorLabels"), None),
    (policies, "NetworkPolicy pushgateway", ("spec", "ingress", 0, "from"), None),
    (policies, "NetworkPolicy pushgateway", ("spec", "ingress", 0, "from", 0, "podSelector",
                                             "matchLabels"), {"app": "agent"}),
    (policies, "NetworkPolicy peekpush", ("spec", "podSelector", "matchLabels"), {"a": "b"}),
    (volumes, "DaemonSet peekpush", POD + ("volumes", 0), None),
    (volumes, "DaemonSet peekpush", FIRST + ("volumeMounts", 1), None),
    (volumes, "CronJob nightly-report", CRON + ("volumes", 3, "persistentVolumeClaim",
                                                "claimName"), "other"),
    (least, "DaemonSet peekpush", FIRST + ("securityContext", "privileged"), True),
    (least, "DaemonSet peekpush", FIRST + ("securityContext", "capabilities", "add"),
     ["SYS_ADMIN"]),
    (least, "DaemonSet peekpush", FIRST + ("volumeMounts", 3, "readOnly"), False),
    (least, "DaemonSet peekpush", POD + ("hostNetwork",), True),
    (least, "DaemonSet peekpush", FIRST + ("image",), "peekpush:latest"),
    (least, "StatefulSet pushgateway", FIRST + ("image",), "prom/pushgateway"),
    (least, "StatefulSet pushgateway", FIRST + ("securityContext", "capabilities"), None),
    (least, "StatefulSet pushgateway", POD + ("automountServiceAccountToken",), None),
    (least, "CronJob nightly-report", CRON + ("serviceAccountName",), "other"),
    (least, "CronJob nightly-report", CRON + ("containers", 0, "resources", "limits"), None),
    (restricted, "Namespace peekpush", ("metadata", "labels"), {}),
    (restricted, "CronJob nightly-report", CRON + ("securityContext", "runAsNonRoot"), None),
    (secrets, "ConfigMap ", ("data", "10-agent.conf"), 'push: { password = "hunter2"; };'),
    (roles, "Role prometheus", ("rules", 0, "verbs"), ["*"]),
    (roles, "RoleBinding prometheus", ("roleRef", "name"), "other"),
    (running, "StatefulSet pushgateway", FIRST + ("livenessProbe", "httpGet", "port"), "web"),
    (running, "DaemonSet peekpush", FIRST + ("livenessProbe",), None),
    (running, "DaemonSet peekpush", FIRST + ("env", 0, "valueFrom", "fieldRef", "fieldPath"),
     "metadata.name"),
    (running, "DaemonSet peekpush", POD + ("tolerations",), None),
    (running, "CronJob nightly-report", ("metadata", "name"), "nightly"),
    (running, "CronJob nightly-report", ("spec", "concurrencyPolicy"), "Allow"),
    (running, "CronJob nightly-report", CRON + ("terminationGracePeriodSeconds",), 5),
    (running, "Job train", FIRST + ("env", 3, "name"), "INDEX"),
)


def put(objects, fault):
    """One fault more; False when there is no such place."""
    _, name, path, value = fault
    each = next((o for o in objects if title(o).startswith(name)), None)
    where = get(each, *path[:-1])
    if where is None or get(where, path[-1]) is None and value is None:
        return False
    if value is None:
        del where[path[-1]]
    else:
        where[path[-1]] = value
    return True


count = failed = 0


def tell(name, breaches):
    global count, failed
    count += 1
    failed += bool(breaches)
    print(f"{'not ok' if breaches else 'ok'} {count} - {name}")
    for breach in breaches:
        print(f"# {breach}")


def check(arguments):
    for argument in arguments:
        name, _, path = argument.partition("=")
        s = Set(load(path))
        for each in CHECKS:
            tell(f"{name}: {each.__doc__}", list(each(s)))


def faults(paths):
    objects = sum((load(path) for path in paths), [])
    for fault in FAULTS:
        bad = copy.deepcopy(objects)
        where = ".".join(str(key) for key in fault[2][-3:])
        if not put(bad, fault):
            tell(f"{fault[1]}: {where} is there to be damaged", [str(fault[2])])
            continue
        missed = [] if list(fault[0](Set(bad))) else [f"{fault[0].__name__} finds nothing"]
        tell(f"found: {fault[1]}: {where} = {json.dumps(fault[3])}", missed)


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "objects":
        pairs = (argument.partition("=") for argument in arguments)
        json.dump({name: load(path) for name, _, path in pairs}, sys.stdout)
        return 0
    if what == "get":
        each = next((o for o in load(arguments[0]) if o["kind"] == arguments[1] and
                     re.fullmatch(arguments[2] + "(-[a-z0-9]{10})?", o["metadata"]["name"])), None)
        path = [int(key) if key.isdigit() else key for key in arguments[3:]]
        print(json.dumps(get(each, *path)))
        return 0
    {"check": check, "faults": faults}[what](arguments)
    print(f"1..{count}")
    return failed != 0


sys.exit(main())
