#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A container of a manifest as podman's arguments: what its node would do for it.

usage: kubernetes-pod.py FILE KIND NAME CONTAINER ROOTFS VOLUMES [FIELD=VALUE...]

ROOTFS stands for the image. Volumes that are no directory of the host become VOLUMES/NAME, with
what is in their ConfigMap or Secret. FIELD is one of the downward API ("spec.nodeName"), or a
variable that is set to something else. Words end in NUL.
"""
import base64
import os
import re
import sys

import yaml


def load(path):
    with open(path, encoding="utf-8") as file:
        return [each for each in yaml.safe_load_all(file) if each]


def find(objects, kind, name):
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def fill(directory, each):
    """As the kubelet does: files are links to links to a directory of this version."""
    os.makedirs(os.path.join(directory, "..now"))
    os.symlink("..now", os.path.join(directory, "..data"))
    for name, value in each.get("data", {}).items():
        data = base64.b64decode(value) if each["kind"] == "Secret" else value.encode()
        with open(os.path.join(directory, "..now", name), "wb") as file:
            file.write(data)
        os.symlink(f"..data/{name}", os.path.join(directory, name))


def source(objects, volume, volumes):
    if "hostPath" in volume:
        path = volume["hostPath"]["path"]
        # Not this machine's.
        return path if path in ("/", "/proc", "/sys", "/sys/kernel/tracing") else \
            os.path.join(volumes, volume["name"])
    path = os.path.join(volumes, volume["name"])
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chmod(path, 0o777)
        if "configMap" in volume:
            fill(path, find(objects, "ConfigMap", volume["configMap"]["name"]))
        elif "secret" in volume:
            fill(path, find(objects, "Secret", volume["secret"]["secretName"]))
    return path


def main():
    path, kind, name, container, rootfs, volumes = sys.argv[1:7]
    fields = dict(argument.split("=", 1) for argument in sys.argv[7:])
    objects = load(path)
    owner = find(objects, kind, name)["spec"]
    owner = owner.get("jobTemplate", {"spec": owner})["spec"]
    pod = owner["template"]["spec"]
    c = next(c for c in pod.get("initContainers", []) + pod["containers"]
             if c["name"] == container)
    security = pod.get("securityContext", {}) | c.get("securityContext", {})
    out = [f"--user={security['runAsUser']}:{security['runAsGroup']}"]
    out += [f"--cap-drop={cap}" for cap in security["capabilities"].get("drop", [])]
    out += [f"--cap-add={cap}" for cap in security["capabilities"].get("add", [])]
    if not security["allowPrivilegeEscalation"]:
        out.append("--security-opt=no-new-privileges")
    if security.get("readOnlyRootFilesystem"):
        out += ["--read-only", "--read-only-tmpfs=false"]
    if pod.get("hostPID"):
        out.append("--pid=host")
    env = {}
    for variable in c.get("env", []):
        value = variable.get("value")
        if value is None:
            value = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        env[variable["name"]] = fields.get(variable["name"], value)
    env |= {key: value for key, value in fields.items() if re.fullmatch("[A-Z_]+", key)}
    out += [f"--env={key}={value}" for key, value in env.items()]
    there = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in c.get("volumeMounts", []):
        how = ["ro" if mount.get("readOnly") else "rw", "rbind"]
        how += ["rslave"] if mount.get("mountPropagation") == "HostToContainer" else []
        where = source(objects, there[mount["name"]], volumes)
        out.append(f"--volume={where}:{mount['mountPath']}:{','.join(how)}")
    words = c.get("command", []) + [
        re.sub(r"\$\(([A-Z_]+)\)", lambda m: env.get(m[1], m[0]), word)
        for word in c.get("args", [])]
    out += ["--entrypoint=", "--rootfs", rootfs, *words]
    # An argument of several lines is one of podman's.
    sys.stdout.write("".join(word + "\0" for word in out))


main()
