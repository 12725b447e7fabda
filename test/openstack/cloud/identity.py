"""Makes the projects, users and the catalog of a new cloud. Safe to repeat until it succeeded.

identity.py SECRETS   SECRETS is a directory with one file for each user's password.
"""

import pathlib
import sys

import openstack

# As the embedded cloud has them; `services` is who the services are to each other.
USERS = {
    "services": ("service", ["admin", "service"]),
    "hawser": ("service", ["admin", "service"]),
    "manila": ("manila", ["admin", "service"]),
    "demo": ("demo", ["member", "reader"]),
}
CATALOG = [
    ("glance", "image", "http://127.0.0.1:9292"),
    ("placement", "placement", "http://127.0.0.1:8778"),
    ("nova", "compute", "http://127.0.0.1:8774/v2.1"),
    ("neutron", "network", "http://127.0.0.1:9696"),
    ("cinderv3", "volumev3", "http://127.0.0.1:8776/v3/%(project_id)s"),
    ("cinder", "block-storage", "http://127.0.0.1:8776/v3/%(project_id)s"),
    ("manilav2", "sharev2", "http://127.0.0.1:8786/v2"),
    ("manila", "share", "http://127.0.0.1:8786/v1/%(project_id)s"),
]


def main(secrets):
    cloud = openstack.connect(cloud="admin")
    if not cloud.get_role("service"):
        cloud.create_role("service")
    for user, (project, roles) in USERS.items():
        password = (secrets / user).read_text().strip()
        ensure_user(cloud, user, password, project, roles)
    for name, kind, url in CATALOG:
        ensure_service(cloud, name, kind, url)


def ensure_user(cloud, name, password, project, roles):
    if not cloud.get_project(project):
        cloud.create_project(project, domain_id="default")
    if not cloud.get_user(name):
        cloud.create_user(name, password=password, domain_id="default", default_project=project)
    for role in roles:
        cloud.grant_role(role, user=name, project=project)


def ensure_service(cloud, name, kind, url):
    service = next((s for s in cloud.identity.services() if s.type == kind), None)
    service = service or cloud.identity.create_service(name=name, type=kind)
    known = {endpoint.interface for endpoint in cloud.identity.endpoints(service_id=service.id)}
    for interface in {"public", "internal", "admin"} - known:
        cloud.identity.create_endpoint(
            service_id=service.id, interface=interface, url=url, region_id="RegionOne"
        )


main(pathlib.Path(sys.argv[1]))
