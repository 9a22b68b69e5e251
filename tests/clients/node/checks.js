// checks.js [NAME] - the npm package etcd3, on the server at $ENDPOINT; without a name, the names.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Etcd3, EtcdLockFailedError, EtcdPermissionDeniedError, isRecoverableError } = require('etcd3');

const POLL_MS = 20;
const WAIT_MS = 30000;

async function until(condition, what) {
  const end = Date.now() + WAIT_MS;
  while (!(await condition())) {
    assert(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function connect(options = {}) {
  return new Etcd3({ hosts: `http://${process.env.ENDPOINT}`, ...options });
}

const checks = {
  async 'values, prefixes, ranges, orders and namespaces'(client) {
    await client.put('a').value('1');
    await client.put('b').value(2);
    const inside = client.namespace('n/');
    await inside.put('c').value(Buffer.from([0, 255]));
    assert.equal(await client.get('a'), '1');
    assert.equal(await client.get('b').number(), 2);
    assert.equal(await client.get('nothing'), null);
    assert.deepEqual(await client.get('n/c').buffer(), Buffer.from([0, 255]));
    assert.deepEqual(await inside.getAll().keys(), ['c']);
    assert.deepEqual(await client.getAll().sort('Value', 'Descend').limit(1).keys(), ['b']);
    assert.deepEqual(await client.getAll().inRange({ start: 'a', end: 'c' }).strings(), { a: '1', b: '2' });
    assert.equal(await client.getAll().count(), 3);
    assert.equal((await client.put('a').value('3').getPrevious()).value.toString(), '1');
    const { kvs } = await client.get('a').exec();
    assert.deepEqual([kvs[0].version, kvs[0].mod_revision, kvs[0].lease], ['2', '5', '0']);
    assert.equal(await client.get('a').revision(2).string(), '1');
    assert.equal((await client.delete().prefix('n/')).deleted, '1');
    assert.equal((await client.delete().all()).deleted, '2');
  },

  async 'transactions and software transactions'(client) {
    const taken = () =>
      client.if('a', 'Create', '==', 0).then(client.put('a').value('1')).else(client.get('a')).commit();
    assert.equal((await taken()).succeeded, true);
    const refused = await taken();
    assert.equal(refused.succeeded, false);
    assert.equal(refused.responses[0].response_range.kvs[0].value.toString(), '1');
    await client.if('a', 'Value', '==', '1').and('a', 'Version', '<', 2).then(client.delete().key('a')).commit();
    assert.equal(await client.get('a'), null);

    await client.put('sum').value(0);
    const add = () => client.stm({ retries: 100 }).transact(async (tx) => {
      await tx.put('sum').value((await tx.get('sum').number()) + 1);
    });
    await Promise.all(Array.from({ length: 10 }, add));
    assert.equal(await client.get('sum').number(), 10);
  },

  async 'watches: put, delete, previous values, from a revision, many on a stream, cancel'(client) {
    await client.put('w/a').value('1');
    const seen = [];
    const watcher = await client.watch().prefix('w/').startRevision('2').withPreviousKV().create();
    watcher.on('put', (kv, before) => seen.push(`put ${kv.value} ${before ? before.value : ''}`));
    watcher.on('delete', (kv, before) => seen.push(`delete ${before.value}`));
    const deletes = [];
    const other = await client.watch().key('w/a').only('delete').create();
    other.on('delete', (kv) => deletes.push(kv.mod_revision));
    assert.deepEqual([watcher.id, other.id], ['0', '1']);
    await client.put('w/a').value('2');
    await client.delete().key('w/a');
    await until(() => seen.length === 3 && deletes.length === 1, 'the events');
    assert.deepEqual(seen, ['put 1 ', 'put 2 1', 'delete 2']);
    assert.deepEqual(deletes, ['4']);
    await watcher.cancel();
    await client.put('w/a').value('3');
    await client.delete().key('w/a');
    await until(() => deletes.length === 2, 'the other watch');
    assert.equal(seen.length, 3);
    await other.cancel();
  },

  async 'leases are kept alive, lost when revoked elsewhere, and expire'(client) {
    const lease = client.lease(10);
    await lease.put('a').value('1');
    const id = await lease.grant();
    assert.equal((await lease.keepaliveOnce()).TTL, '10');
    assert.equal((await client.leaseClient.leaseTimeToLive({ ID: id, keys: true })).keys.toString(), 'a');
    const lost = once(lease, 'lost');
    await client.leaseClient.leaseRevoke({ ID: id });
    await lease.keepaliveOnce().catch(() => {});
    await lost;
    assert.equal(await client.get('a'), null);
    const short = client.lease(3, { autoKeepAlive: false });
    await short.put('short').value('1');
    await until(async () => (await client.get('short')) === null, "the lease's end");
    const kept = client.lease(6);
    await kept.put('kept').value('1');
    await once(kept, 'keepaliveSucceeded');
    assert.equal(await client.get('kept'), '1');
    await kept.revoke();
    assert.equal(await client.get('kept'), null);
  },

  async 'locks have one holder'(client) {
    const other = connect();
    const lock = await client.lock('doors').ttl(20).acquire();
    await assert.rejects(other.lock('doors').acquire(), EtcdLockFailedError);
    await lock.release();
    assert.equal(await other.lock('doors').do(() => 'under it'), 'under it');
    other.close();
  },

  async 'elections: campaign, observe, proclaim, resign'(client) {
    const other = connect();
    const observer = await other.election('post').observe();
    const first = client.election('post').campaign('ann');
    await first.wait();
    await until(() => observer.leader() === 'ann', 'the first leader');
    const second = other.election('post').campaign('bob');
    await first.proclaim('anna');
    await until(() => observer.leader() === 'anna', 'what she proclaims');
    await first.resign();
    await second.wait();
    await until(() => observer.leader() === 'bob', 'the second leader');
    assert.equal(await client.election('post').leader(), 'bob');
    await second.resign();
    await observer.cancel();
    other.close();
  },

  async 'users and roles: rights by name and password'(client) {
    const role = await client.role('reader').create();
    await role.grant({ permission: 'Read', range: client.range({ prefix: 'pub/' }) });
    const root = await client.user('root').create('secret');
    await root.addRole(await client.role('root').create());
    await (await client.user('ann').create('pw')).addRole('reader');
    await client.auth.authEnable();
    const [admin, ann, wrong] = ['root:secret', 'ann:pw', 'ann:no'].map((pair) => {
      const [username, password] = pair.split(':');
      return connect({ auth: { username, password } });
    });
    await admin.put('pub/a').value('1');
    assert.equal(await ann.get('pub/a'), '1');
    await assert.rejects(ann.put('pub/a').value('2').exec(), EtcdPermissionDeniedError);
    await assert.rejects(ann.get('other').exec(), EtcdPermissionDeniedError);
    await assert.rejects(wrong.get('pub/a').exec(), /authentication failed/);
    await assert.rejects(client.get('pub/a').exec(), /user name is empty/);
    const permissions = await admin.role('reader').permissions();
    assert.deepEqual(permissions.map((p) => p.permission), ['Read']);
    assert.deepEqual((await admin.user('ann').roles()).map((r) => r.name), ['reader']);
    await admin.auth.authDisable();
    for (const one of [admin, ann, wrong]) one.close();
  },

  async 'status, members, alarms and what an error means'(client) {
    const status = await client.maintenance.status();
    assert.equal(status.leader, status.header.member_id);
    assert(Number(status.dbSize) > 0 && Number(status.raftIndex) > 0);
    const { members } = await client.cluster.memberList({});
    assert.deepEqual(members[0].clientURLs, [`http://${process.env.ENDPOINT}`]);
    assert.deepEqual((await client.maintenance.alarm({ action: 'Get' })).alarms, []);
    const error = await client.leaseClient.leaseRevoke({ ID: '99' }).catch((e) => e);
    assert.match(error.message, /requested lease not found/);
    assert.equal(isRecoverableError(error), false);
    await client.kv.compact({ revision: '1' }).catch(() => {});
    await client.put('a').value('1');
    await client.put('a').value('2');
    await client.kv.compact({ revision: '3' });
    await assert.rejects(client.get('a').revision(2).exec(), /has been compacted/);
  },
};

async function main() {
  if (process.argv.length < 3) {
    console.log(Object.keys(checks).join('\n'));
    return;
  }
  const client = connect();
  await checks[process.argv[2]](client);
  client.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
