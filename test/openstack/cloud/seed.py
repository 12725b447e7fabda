"""Gives the cloud what the embedded one has when it is new. Safe to repeat: adds what is missing.

seed.py IMAGE [--manila]
"""

import pathlib
import sys

import openstack

IMAGE_NAME = "manila-service-image"
# Written to the image, to tell whether it came from the same file.
SOURCE = "hawser_source"


def main(image, manila):
    admin = openstack.connect(cloud="admin")
    demo = openstack.connect(cloud="demo")
    ensure_image(admin, image)
    ensure_flavor(admin, "1", "m1.tiny", disk=1)
    ensure_flavor(admin, "100", "manila", disk=2)
    ensure_volume_type(admin, "rbd")
    for project in ("admin", "service", "manila"):
        lift_quotas(admin, project)
    public = ensure_public_network(admin)
    ensure_tenant_network(demo, public)
    ensure_default_groups(admin)
    if manila:
        ensure_share_type(admin, "generic", handles_servers=True)
        ensure_share_type(admin, "single", handles_servers=False)


def ensure_image(cloud, file):
    stat = file.stat()
    source = f"{file.name} {stat.st_size} {stat.st_mtime_ns}"
    for found in cloud.image.images(name=IMAGE_NAME, owner=cloud.current_project_id):
        if found.status == "active" and found.properties.get(SOURCE) == source:
            return
        # Two images of one name would be ambiguous to everybody who boots by name.
        cloud.image.delete_image(found)
    cloud.create_image(
        IMAGE_NAME,
        filename=str(file),
        disk_format="qcow2",
        container_format="bare",
        visibility="public",
        wait=True,
        meta={SOURCE: source},
    )


def ensure_flavor(cloud, flavor_id, name, disk):
    if not cloud.get_flavor(flavor_id):
        cloud.create_flavor(name, ram=512, vcpus=1, disk=disk, flavorid=flavor_id)


def ensure_volume_type(cloud, name):
    if not any(kind.name == name for kind in cloud.block_storage.types()):
        cloud.block_storage.create_type(name=name, extra_specs={"volume_backend_name": name})


def lift_quotas(cloud, project):
    # The network's are set last, so they tell about all.
    if cloud.get_network_quotas(project).ports == -1:
        return
    cloud.set_compute_quotas(project, instances=-1, cores=-1, ram=-1, key_pairs=-1)
    cloud.set_volume_quotas(project, volumes=-1, gigabytes=-1, snapshots=-1)
    resources = ("network", "subnet", "port", "router", "security_group", "security_group_rule")
    cloud.set_network_quotas(project, **dict.fromkeys(resources, -1))


def ensure_public_network(cloud):
    network = cloud.get_network("public") or cloud.create_network(
        "public",
        external=True,
        provider={"network_type": "flat", "physical_network": "public"},
    )
    if not cloud.get_subnet("public-subnet"):
        cloud.create_subnet(
            network.id,
            subnet_name="public-subnet",
            cidr="172.24.4.0/24",
            gateway_ip="172.24.4.1",
            enable_dhcp=False,
        )
    return network


def ensure_tenant_network(cloud, public):
    network = cloud.get_network("demo-net") or cloud.create_network("demo-net")
    subnet = cloud.get_subnet("demo-subnet") or cloud.create_subnet(
        network.id, subnet_name="demo-subnet", cidr="10.10.0.0/24", enable_dhcp=True
    )
    router = cloud.get_router("demo-router") or cloud.create_router(
        "demo-router", ext_gateway_net_id=public.id
    )
    if not list(cloud.list_router_interfaces(router, "internal")):
        cloud.add_router_interface(router, subnet_id=subnet.id)


def ensure_default_groups(cloud):
    """Neutron makes them when a project's groups are first listed: so nobody sees them appear."""
    for project in ("admin", "service", "manila", "demo"):
        list(cloud.network.security_groups(project_id=cloud.get_project(project).id))


def ensure_share_type(cloud, name, handles_servers):
    from manilaclient import client

    shares = client.Client("2.65", session=cloud.session, region_name="RegionOne")
    if not any(kind.name == name for kind in shares.share_types.list()):
        shares.share_types.create(
            name,
            spec_driver_handles_share_servers=handles_servers,
            spec_snapshot_support=True,
            extra_specs={"create_share_from_snapshot_support": "True"},
        )


main(pathlib.Path(sys.argv[1]), "--manila" in sys.argv[2:])
