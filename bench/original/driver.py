"""Runs OpenStack Manila's generic driver, which does what it is told by lines of JSON.

Usage: driver.py SETTINGS, a JSON file as `settings.ts` describes it. Commands come on standard input, for instance
`{"id": 1, "command": "createShare", ...}`, answers go to standard output: `{"id": 1, "ok": true, "ms": 12.3, "result":
...}`, with the milliseconds inside the driver. `many` runs a list of commands at once.

The driver, its service instance manager and helpers, Manila's clients of Nova, Cinder, Neutron and Glance, its SSH pool
and all of its locks are the original's, set up by a manila.conf. In place of the rest of manila-share stand:

- No API, scheduler, message queue and database: whoever gives the commands is the share manager. So Manila is spared
  what these take: its users' requests, RPC, the rows of its tables, and what its Neutron plug-in looks up and allocates
  for a share network before a share server is set up.
- Private data of drivers are in a dictionary instead of a table (`PrivateData`).
- Shares, snapshots and share servers are dictionaries (`Row`) with those fields of Manila's models that the driver reads.
- `many` has the threads of manila-share's RPC server: as many as oslo.messaging's default.
- SSH connections take the cloud's proxy: paramiko is given the socket (`ProxiedClient`) and is the same otherwise.
- `NoopInterfaceDriver`, which is Manila's own: this host needs no port in the service network.
"""

import concurrent.futures
import configparser
import json
import os
import socket
import sys
import time
import traceback
import urllib.parse

# The program manila-share imports it first: it chooses native threads.
import manila.cmd  # noqa: F401

from oslo_config import cfg
from oslo_log import log
from oslo_utils import importutils
import paramiko
import yaml

from manila.common import config  # noqa: F401
from manila import context
from manila import coordination
from manila.share import configuration
from manila.share import driver
from manila.share import drivers_private_data
from manila import ssh_utils

CONF = cfg.CONF
BACKEND = 'original'
SHARE_DRIVER = 'manila.share.drivers.generic.GenericShareDriver'
RPC_THREADS = 64


def write_manila_conf(settings):
    """As an operator would write it. Returns the file."""
    with open(settings['cloudsYaml']) as file:
        cloud = yaml.safe_load(file)['clouds'][settings['cloud']]
    access = {'auth_type': 'password', 'region_name': cloud['region_name'], **cloud['auth']}
    state = settings['stateDir']
    sections = {
        'DEFAULT': {
            'state_path': state,
            'host': 'bench',
            'enabled_share_backends': BACKEND,
            'enabled_share_protocols': 'NFS,CIFS',
            'log_file': os.path.join(state, 'manila-share.log'),
        },
        'oslo_concurrency': {'lock_path': os.path.join(state, 'locks')},
        **{client: access for client in ('nova', 'cinder', 'neutron', 'glance')},
        BACKEND: {
            'share_backend_name': BACKEND,
            'share_driver': SHARE_DRIVER,
            'driver_handles_share_servers': 'True',
            'interface_driver': 'manila.network.linux.interface.NoopInterfaceDriver',
            'service_instance_user': 'manila',
            **settings['options'],
        },
    }
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(sections)
    path = os.path.join(state, 'manila.conf')
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
        parser.write(file)
    return path


class PrivateData(drivers_private_data.StorageDriver):
    """Does what SqlStorageDriver does with a table."""

    def __init__(self):
        super().__init__(context=None, backend_host=None)
        self._rows = {}

    def get(self, entity_id, key, default):
        row = self._rows.get(entity_id, {})
        return row.get(key, default) if key else dict(row) or default

    def update(self, entity_id, details, delete_existing):
        row = {} if delete_existing else self._rows.get(entity_id, {})
        self._rows[entity_id] = {**row, **details}

    def delete(self, entity_id, key):
        if key:
            self._rows.get(entity_id, {}).pop(key, None)
        else:
            self._rows.pop(entity_id, None)


class Row(dict):
    """A model: its fields are items and attributes."""

    __getattr__ = dict.__getitem__


def proxied_client(proxy_url):
    """An SSHClient that connects through an HTTP proxy."""
    proxy = urllib.parse.urlsplit(proxy_url)

    class ProxiedClient(paramiko.SSHClient):
        def connect(self, hostname, port=22, timeout=None, **options):
            sock = socket.create_connection((proxy.hostname, proxy.port), timeout)
            try:
                sock.sendall(f'CONNECT {hostname}:{port} HTTP/1.1\r\nHost: {hostname}:{port}\r\n\r\n'.encode())
                head = b''
                # A byte at a time: what follows is for paramiko.
                while not head.endswith(b'\r\n\r\n'):
                    byte = sock.recv(1)
                    if not byte:
                        break
                    head += byte
                if b' 200 ' not in head.partition(b'\r\n')[0]:
                    raise OSError(f'{proxy_url} does not reach {hostname}: {head.decode()}')
                super().connect(hostname, port=port, timeout=timeout, sock=sock, **options)
            except BaseException:
                sock.close()
                raise

    return ProxiedClient


class ShareManager:
    """Calls the driver as manila.share.manager.ShareManager does, once it has read its tables."""

    def __init__(self):
        self._context = context.get_admin_context()
        self._servers = {}
        self._shares = {}
        self._snapshots = {}
        self._rules = {}
        backend = configuration.Configuration(driver.share_opts, config_group=BACKEND)
        self._driver = importutils.import_object(
            SHARE_DRIVER,
            private_storage=drivers_private_data.DriverPrivateData(storage=PrivateData()),
            configuration=backend,
        )
        self._driver.do_setup(self._context)
        self._driver.check_for_setup_error()

    def set_up_server(self, server, network, subnet):
        network_info = {
            'server_id': server,
            'segmentation_id': None,
            'cidr': None,
            'neutron_net_id': network,
            'neutron_subnet_id': subnet,
            'security_services': [],
            'network_allocations': [],
            'admin_network_allocations': [],
            'backend_details': {},
            'network_type': None,
            'subnet_metadata': {},
        }
        details = self._driver.setup_server([network_info], metadata={'request_host': None})
        self._servers[server] = Row(id=server, backend_details=details)
        return details

    def tear_down_server(self, server):
        details = self._servers[server]['backend_details']
        self._driver.teardown_server(server_details=details, security_services=[])
        del self._servers[server]

    def create_share(self, share, protocol, size, server=None, snapshot=None):
        row = self._add_share(share, protocol, size=size, server=server)
        if snapshot:
            locations = self._driver.create_share_from_snapshot(
                self._context, row, self._snapshots[snapshot], **self._place(share))
        else:
            locations = self._driver.create_share(self._context, row, **self._place(share))
        row['export_locations'] = locations
        return [location['path'] for location in locations]

    def _add_share(self, share, protocol, **fields):
        self._rules[share] = []
        self._shares[share] = Row(
            id=share,
            name=CONF.share_name_template % share,
            share_proto=protocol,
            availability_zone=CONF.storage_availability_zone,
            **fields,
        )
        return self._shares[share]

    def manage_share(self, share, protocol, location, volume):
        row = self._add_share(share, protocol, server=None, export_locations=[{'path': location}])
        row.update(self._driver.manage_existing(row, {'volume_id': volume}))
        return row['size']

    def unmanage_share(self, share):
        self._driver.unmanage(self._shares[share])
        del self._shares[share], self._rules[share]

    def delete_share(self, share):
        self._update_access(share, [], delete=self._rules[share])
        self._driver.delete_share(self._context, self._shares[share], **self._place(share))
        del self._shares[share], self._rules[share]

    def allow_access(self, share, to, level):
        rule = {'access_type': 'ip', 'access_to': to, 'access_level': level}
        self._update_access(share, [*self._rules[share], rule], add=[rule])

    def deny_access(self, share, to):
        rules = self._rules[share]
        denied = [rule for rule in rules if rule['access_to'] == to]
        self._update_access(share, [rule for rule in rules if rule not in denied], delete=denied)

    def _update_access(self, share, rules, add=(), delete=()):
        if add or delete:
            self._driver.update_access(
                self._context, self._shares[share], rules, add_rules=list(add), delete_rules=list(delete),
                update_rules=[], **self._place(share))
        self._rules[share] = rules

    def extend_share(self, share, size):
        self._driver.extend_share(self._shares[share], size, **self._place(share))
        self._shares[share]['size'] = size

    def shrink_share(self, share, size):
        self._driver.shrink_share(self._shares[share], size, **self._place(share))
        self._shares[share]['size'] = size

    def ensure_share(self, share):
        self._driver.ensure_share(self._context, self._shares[share], **self._place(share))

    def create_snapshot(self, share, snapshot):
        row = Row(id=snapshot, share_instance_id=share, share_id=share)
        update = self._driver.create_snapshot(self._context, row, **self._place(share))
        self._snapshots[snapshot] = Row({**row, **(update or {})})

    def delete_snapshot(self, snapshot):
        row = self._snapshots[snapshot]
        self._driver.delete_snapshot(self._context, row, **self._place(row['share_id']))
        del self._snapshots[snapshot]

    def _place(self, share):
        # On a server that is there already it is in no row of its own.
        return {'share_server': self._servers.get(self._shares[share]['server'])}


class Commands:
    """One method a command, by its name there."""

    def __init__(self, manager):
        self._pool = concurrent.futures.ThreadPoolExecutor(RPC_THREADS)
        self._methods = {
            'setUpServer': manager.set_up_server,
            'tearDownServer': manager.tear_down_server,
            'createShare': manager.create_share,
            'deleteShare': manager.delete_share,
            'manageShare': manager.manage_share,
            'unmanageShare': manager.unmanage_share,
            'allowAccess': manager.allow_access,
            'denyAccess': manager.deny_access,
            'extendShare': manager.extend_share,
            'shrinkShare': manager.shrink_share,
            'ensureShare': manager.ensure_share,
            'createSnapshot': manager.create_snapshot,
            'deleteSnapshot': manager.delete_snapshot,
            'many': self._many,
        }

    def run(self, command, **arguments):
        began = time.perf_counter()
        try:
            answer = {'ok': True, 'result': self._methods[command](**arguments)}
        except Exception as error:
            answer = {'ok': False, 'error': f'{type(error).__name__}: {error}', 'trace': traceback.format_exc()}
        return {**answer, 'ms': round((time.perf_counter() - began) * 1000, 3)}

    def _many(self, commands):
        return list(self._pool.map(lambda command: self.run(**command), commands))


def main():
    with open(sys.argv[1]) as file:
        settings = json.load(file)
    # What Manila prints by the way must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    log.register_options(CONF)
    CONF(['--config-file', write_manila_conf(settings)], project='manila')
    log.setup(CONF, 'manila')
    ssh_utils.paramiko.SSHClient = proxied_client(settings['sshProxy'])
    # As the service does that the manager is part of.
    coordination.LOCK_COORDINATOR.start()
    commands = Commands(ShareManager())

    def answer(line):
        answers.write(json.dumps(line) + '\n')
        answers.flush()

    answer({'ready': True})
    for line in sys.stdin:
        command = json.loads(line)
        answer({'id': command.pop('id'), **commands.run(**command)})
    coordination.LOCK_COORDINATOR.stop()


main()
