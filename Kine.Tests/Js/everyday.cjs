// What a JavaScript program does with the npm client etcd3, against the server named by the first argument. Prints one line for each part
// that worked and ends with 1 at the first that did not. The client's folder is the second argument.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { createRequire } = require('node:module');

const [address, folder] = process.argv.slice(2);
const { Etcd3, EtcdLeaseInvalidError, EtcdLockFailedError } = createRequire(path.join(folder, 'index.js'))('etcd3');

const client = new Etcd3({ hosts: address });
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function waitUntil(holds, what) {
  for (let i = 0; i < 300; i++) {
    if (await holds()) return;
    await sleep(50);
  }
  assert.fail(`never: ${what}`);
}

const parts = {
  async 'put, get, delete'() {
    await client.put('js/a').value('eins');
    assert.equal(await client.get('js/a').string(), 'eins');
    await client.put('js/n').value(42);
    assert.equal(await client.get('js/n').number(), 42);
    await client.put('js/j').value(JSON.stringify({ ok: true }));
    assert.deepEqual(await client.get('js/j').json(), { ok: true });
    await client.put('js/b').value(Buffer.from([0, 255, 1]));
    assert.deepEqual(await client.get('js/b').buffer(), Buffer.from([0, 255, 1]));
    assert.equal(await client.get('js/none').string(), null);
    assert.equal(await client.get('js/none').exists(), false);
    const previous = await client.put('js/a').value('zwei').getPrevious();
    assert.equal(previous.value.toString(), 'eins');
    assert.equal(previous.version, '1');
    assert.equal((await client.delete().key('js/a').exec()).deleted, '1');
    assert.equal((await client.delete().key('js/a').exec()).deleted, '0');
    await client.put('js/a').value('v');
    const [gone] = await client.delete().key('js/a').getPrevious();
    assert.equal(gone.value.toString(), 'v');
  },

  async 'ranges'() {
    for (let i = 0; i < 20; i++) await client.put(`range/${String(i).padStart(2, '0')}`).value(`v${i % 7}`);
    assert.equal(Object.keys(await client.getAll().prefix('range/').strings()).length, 20);
    assert.equal(await client.getAll().prefix('range/').count(), 20);
    assert.deepEqual(await client.getAll().prefix('range/').limit(3).keys(), ['range/00', 'range/01', 'range/02']);
    assert.deepEqual((await client.getAll().prefix('range/').sort('Key', 'Descend').limit(2).keys()), ['range/19', 'range/18']);
    assert.deepEqual((await client.getAll().prefix('range/').sort('Mod', 'Descend').limit(1).keys()), ['range/19']);
    assert.deepEqual(await client.getAll().inRange({ start: 'range/05', end: 'range/08' }).keys(), ['range/05', 'range/06', 'range/07']);
    const reply = await client.getAll().prefix('range/').limit(5).exec();
    assert.equal(reply.more, true);
    assert.equal(reply.count, '20');
    const revision = reply.header.revision;
    await client.delete().prefix('range/1');
    assert.equal(await client.getAll().prefix('range/').count(), 10);
    assert.equal(await client.getAll().prefix('range/').revision(revision).count(), 20);
    assert.equal((await client.delete().prefix('range/').exec()).deleted, '10');
  },

  async 'transactions'() {
    await client.put('tx/a').value('1');
    const yes = await client.if('tx/a', 'Value', '==', '1').then(client.put('tx/a').value('2'), client.get('tx/a')).else(client.get('tx/a')).commit();
    assert.equal(yes.succeeded, true);
    assert.equal(yes.responses[1].response_range.kvs[0].value.toString(), '2');
    const no = await client.if('tx/a', 'Value', '==', '1').then(client.put('tx/a').value('3')).else(client.get('tx/a')).commit();
    assert.equal(no.succeeded, false);
    assert.equal(no.responses[0].response_range.kvs[0].value.toString(), '2');
    const absent = await client.if('tx/new', 'Create', '==', 0).and('tx/a', 'Version', '>', 1).then(client.put('tx/new').value('x'), client.delete().key('tx/a')).commit();
    assert.equal(absent.succeeded, true);
    assert.equal(await client.get('tx/a').exists(), false);
    // Increments by many at once: optimistic transactions lose nothing.
    await client.put('tx/counter').value(0);
    await Promise.all(Array.from({ length: 10 }, async () => {
      for (let done = 0; done < 5;) {
        const kv = (await client.get('tx/counter').exec()).kvs[0];
        const next = Number(kv.value.toString()) + 1;
        const result = await client.if('tx/counter', 'Mod', '==', kv.mod_revision).then(client.put('tx/counter').value(next)).commit();
        if (result.succeeded) done++;
      }
    }));
    assert.equal(await client.get('tx/counter').number(), 50);
  },

  async 'watches'() {
    const seen = [];
    const watcher = await client.watch().prefix('watch/').withPreviousKV().create();
    watcher.on('put', (kv, previous) => seen.push(`put ${kv.key} ${kv.value} was ${previous ? previous.value : 'nothing'}`));
    watcher.on('delete', (kv, previous) => seen.push(`delete ${kv.key} was ${previous.value}`));
    await client.put('watch/1').value('a');
    await client.put('watch/1').value('b');
    await client.put('other').value('unseen');
    await client.delete().key('watch/1');
    await waitUntil(() => seen.length >= 3, 'three events');
    assert.deepEqual(seen, ['put watch/1 a was nothing', 'put watch/1 b was a', 'delete watch/1 was b']);
    await watcher.cancel();
    const first = (await client.put('watch/2').value('x').exec()).header.revision;
    await client.put('watch/2').value('y');
    const past = [];
    const late = await client.watch().key('watch/2').startRevision(first).create();
    late.on('put', kv => past.push(kv.value.toString()));
    await waitUntil(() => past.length === 2, 'the events of the past');
    assert.deepEqual(past, ['x', 'y']);
    await late.cancel();
    const filtered = [];
    const puts = await client.watch().key('watch/3').only('put').create();
    puts.on('data', reply => filtered.push(...reply.events.map(event => event.type)));
    await client.put('watch/3').value('x');
    await client.delete().key('watch/3');
    await client.put('watch/3').value('z');
    await waitUntil(() => filtered.length === 2, 'two puts');
    assert.deepEqual(filtered, ['Put', 'Put']);
    await puts.cancel();
  },

  async 'leases'() {
    const lease = client.lease(60);
    await lease.put('lease/a').value('x');
    const id = await lease.grant();
    assert.match(id, /^[0-9]+$/);
    const ttl = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
    assert.equal(ttl.grantedTTL, '60');
    assert.deepEqual(ttl.keys.map(String), ['lease/a']);
    await lease.keepaliveOnce();
    await lease.revoke();
    assert.equal(await client.get('lease/a').exists(), false);
    await assert.rejects(lease.put('lease/b').value('y').exec(), EtcdLeaseInvalidError);
    const short = client.lease(2, { autoKeepAlive: false });
    await short.put('lease/short').value('x');
    await waitUntil(async () => !(await client.get('lease/short').exists()), 'the lease expires');
    const kept = client.lease(2);
    await kept.put('lease/kept').value('x');
    await sleep(4500);
    assert.equal(await client.get('lease/kept').exists(), true);
    await kept.revoke();
  },

  async 'locks'() {
    let inside = 0;
    let most = 0;
    let got = 0;
    await Promise.all(Array.from({ length: 6 }, async () => {
      for (let held = false; !held;) {
        const lock = client.lock('lock/x').ttl(10);
        try {
          await lock.acquire();
        } catch (error) {
          assert.ok(error instanceof EtcdLockFailedError, String(error));
          await sleep(20);
          continue;
        }
        held = true;
        got++;
        most = Math.max(most, ++inside);
        await sleep(20);
        inside--;
        await lock.release();
      }
    }));
    assert.deepEqual([most, got], [1, 6]);
  },

  async 'elections'() {
    const election = client.election('vote', 10);
    const campaign = election.campaign('alice');
    await new Promise((resolve, reject) => campaign.on('elected', resolve).on('error', reject));
    assert.equal(await election.leader(), 'alice');
    const second = client.election('vote', 10);
    const waiting = second.campaign('bob');
    const elected = new Promise((resolve, reject) => waiting.on('elected', resolve).on('error', reject));
    await campaign.resign();
    await elected;
    assert.equal(await second.leader(), 'bob');
    await waiting.resign();
  },

  async 'namespaces and maintenance'() {
    const space = client.namespace('space/');
    await space.put('k').value('v');
    assert.equal(await client.get('space/k').string(), 'v');
    const status = await client.maintenance.status();
    assert.match(status.version, /^3\./);
    assert.equal((await client.cluster.memberList({})).members.length, 1);
    await client.maintenance.alarm({ action: 'Get' });
    await client.maintenance.defragment();
    const revision = (await client.get('space/k').exec()).header.revision;
    await client.kv.compact({ revision, physical: true });
    await assert.rejects(client.get('space/k').revision(1).exec(), /required revision has been compacted/);
  },
};

(async () => {
  for (const [name, part] of Object.entries(parts)) {
    try {
      await part();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`failed ${name}: ${error.stack}`);
      process.exit(1);
    }
  }
  client.close();
  console.log(`all ${Object.keys(parts).length} parts`);
  process.exit(0);
})();
