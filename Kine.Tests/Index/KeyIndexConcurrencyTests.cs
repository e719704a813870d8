using System.Collections.Concurrent;
using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

/// <summary>
/// Readers at fixed revisions while one writer goes on: what they find is compared with what the writer knew when it applied the revision.
/// </summary>
public sealed class KeyIndexConcurrencyTests
{
    private const int Revisions = 60_000;
    private const int Keys = 4000;

    private readonly KeyIndex _index = new();
    private readonly long[] _live = new long[Revisions + 1]; // by revision: keys that exist
    private readonly ulong[] _digest = new ulong[Revisions + 1]; // by revision: of all (key, version) that exist, order-free
    private readonly ConcurrentQueue<string> _faults = [];
    private long _published;
    private long _checked;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Readers_at_a_revision_find_exactly_its_state_while_the_writer_applies_undoes_and_compacts(int seed)
    {
        Thread[] readers = [.. Enumerable.Range(0, 3).Select(i => new Thread(() => ReadAll(seed * 100 + i)))];
        foreach (var reader in readers)
            reader.Start();

        try
        {
            Write(Draw.From(seed));
        }
        finally
        {
            Volatile.Write(ref _published, -1);
            foreach (var reader in readers)
                reader.Join();
        }

        Assert.Empty(_faults);
        Assert.InRange(Volatile.Read(ref _checked), 20, long.MaxValue);
    }

    [Fact]
    public void A_reader_never_gets_a_mixture_of_two_versions()
    {
        byte[][] keys = [.. Enumerable.Range(0, 4).Select(Key)];
        long revision = 0;
        foreach (var key in keys)
            _index.Apply(key, Related(++revision));

        Thread[] readers = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            while (Volatile.Read(ref _published) >= 0)
            {
                foreach (var key in keys)
                {
                    _index.TryGet(key, long.MaxValue, out var version);
                    if (version != Related(version.Mod)) { _faults.Enqueue(version.ToString()); } }
            }
        }))];
        foreach (var reader in readers)
            reader.Start();

        for (var i = 0; i < 3_000_000 && _faults.IsEmpty; i++)
            _index.Apply(keys[i & 3], Related(++revision));

        Volatile.Write(ref _published, -1);
        foreach (var reader in readers)
            reader.Join();

        Assert.Empty(_faults);

        static KeyVersion Related(long mod) => new(mod, (int)mod, mod + 1, mod + 2, mod + 3, (int)mod);
    }

    private void Write(Random random)
    {
        var versions = new KeyVersion[Keys];
        var pending = new List<(int Key, KeyVersion Old, RecordId Id)>();
        var deleted = new List<RecordId>();
        CompactionRun? run = null;
        long revision = 1;
        var window = 0; // the keys in use wander, so that leaves and inner nodes come and go
        while (revision < Revisions && _faults.IsEmpty)
        {
            var batch = (int)Math.Min(random.Next(1, 40), Revisions - revision);
            pending.Clear();
            for (var i = 0; i < batch; i++)
                Change(random, ref window, revision + 1 + i, versions, pending);

            if (random.Next(10) == 0)
            {
                for (var i = pending.Count - 1; i >= 0; i--)
                {
                    _index.Undo(Key(pending[i].Key), pending[i].Id);
                    versions[pending[i].Key] = pending[i].Old;
                }

                continue;
            }

            for (var i = 0; i < batch; i++)
            {
                (var key, var old, _) = pending[i];
                var now = i + 1 < batch && pending.FindIndex(i + 1, later => later.Key == key) is > 0 and int next ? pending[next].Old : versions[key];
                var at = revision + 1 + i;
                _live[at] = _live[at - 1] + (now.IsTombstone ? 0 : 1) - (old.Exists && !old.IsTombstone ? 1 : 0);
                _digest[at] = _digest[at - 1] ^ Digest(key, old) ^ Digest(key, now);
            }

            revision += batch;
            Volatile.Write(ref _published, revision);
            if (run is null && random.Next(30) == 0)
                run = _index.Compact(Math.Max(_index.CompactedRevision, revision - random.Next(50, 3000)));
            else if (run is not null && run.DropHistory(200, deleted) == 0 && !run.SweepTombstones(20))
                run = null;
        }
    }

    private void Change(Random random, ref int window, long revision, KeyVersion[] versions, List<(int, KeyVersion, RecordId)> pending)
    {
        if (random.Next(20) == 0)
            window = (window + 1) % Keys;

        var key = random.Next(4) == 0 ? random.Next(Keys) : (window + random.Next(300)) % Keys;
        var old = versions[key];
        var exists = old.Exists && !old.IsTombstone;
        var leaving = (key - window + Keys) % Keys > 300;
        var next = exists && (leaving || random.Next(3) == 0)
            ? KeyVersion.Tombstone(revision, 0)
            : new KeyVersion(revision, 0, exists ? old.Create : revision, exists ? old.Version + 1 : 1, 0, 1);
        versions[key] = next;
        _index.Apply(Key(key), next);
        pending.Add((key, old, next.Id));
    }

    private void ReadAll(int seed)
    {
        var random = Draw.From(seed);
        try
        {
            while (Volatile.Read(ref _published) is >= 0 and long published)
            {
                if (published == 0)
                    continue;

                var oldest = Math.Max(1, _index.CompactedRevision);
                Check(random, random.Next(2) == 0 || oldest >= published ? published : random.NextInt64(oldest, published + 1));
            }
        }
        catch (Exception e)
        {
            _faults.Enqueue(e.ToString());
        }
    }

    private void Check(Random random, long revision)
    {
        for (var round = 0; round < 3; round++)
        {
            var from = random.Next(Keys);
            var part = new KeyRange(Key(from), Key(Math.Min(Keys, from + random.Next(1, Keys))));
            long inPart = 0;
            long seen = 0;
            ulong digest = 0;
            var total = _index.Count(KeyRange.All, revision);
            var partCount = _index.Count(part, revision);
            var cursor = _index.Range(KeyRange.All, revision);
            while (cursor.MoveNext())
            {
                seen++;
                digest ^= Digest(int.Parse(cursor.Key[^7..]), cursor.Current);
                inPart += part.Contains(cursor.Key) ? 1 : 0;
            }

            var recount = _index.Count(part, revision);
            if (_index.CompactedRevision > revision)
                return;

            if (total != _live[revision] || seen != total || digest != _digest[revision] || partCount != inPart || recount != inPart)
                _faults.Enqueue($"at {revision}: {_live[revision]} keys, counted {total}, walked {seen}, part {inPart} counted {partCount} and {recount}");

            Interlocked.Increment(ref _checked);
        }
    }

    private static byte[] Key(int number) => System.Text.Encoding.ASCII.GetBytes($"/registry/{(number % 3 == 0 ? "events" : "pods")}/{number:d7}");

    private static ulong Digest(int key, in KeyVersion version)
    {
        if (!version.Exists || version.IsTombstone)
            return 0;

        var hash = ((ulong)key << 40 ^ (ulong)version.Mod) * 0x9E3779B97F4A7C15;
        return (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9;
    }
}
