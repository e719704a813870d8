using System.Text;
using Kine.Backends;
using Kine.Grains.Index;

namespace Kine.Tests.Index;

/// <summary>
/// Random histories of puts, deletes, several versions in one revision, undone batches, compactions in slices that are given up half-way,
/// and crashes, against <see cref="IndexModel"/>.
/// </summary>
public sealed class KeyIndexPropertyTests
{
    [Theory]
    [InlineData(1, 40)]
    [InlineData(2, 40)]
    [InlineData(3, 300)]
    [InlineData(4, 300)]
    [InlineData(5, 3000)]
    [InlineData(6, 3000)]
    [InlineData(7, 20000)]
    public void Every_read_at_every_revision_answers_as_the_model(int seed, int keys) => new Walk(seed, keys).Run(4000);

    private sealed class Walk(int seed, int keys)
    {
        private readonly Random _random = Draw.From(seed);
        private KeyIndex _index = new();
        private readonly IndexModel _model = new();
        private readonly List<(byte[] Key, RecordId Id)> _unpublished = [];
        private long _applied = 1;
        private long _published = 1;
        private long _compacted;
        private CompactionRun? _run;
        private List<RecordId> _slice = []; // the run's last one, to be deleted before the next
        private bool _repeated; // came for the second time
        private List<RecordId> _again = []; // the last slice of a run that was given up

        public void Run(int steps)
        {
            for (var step = 0; step < steps; step++)
            {
                var dice = _random.Next(100);
                if (dice < 60)
                    Transaction();
                else if (dice < 70)
                    Publish();
                else if (dice < 73)
                    UndoUnpublished();
                else if (dice < 74)
                    StartCompaction();
                else if (dice < 80)
                    ContinueCompaction();
                else if (dice < 81 && _random.Next(4) == 0)
                    Crash();
                else
                    Read();
            }

            Publish();
            if (_run is not null)
                FinishCompaction();

            Assert.Equal(_model.Range(KeyRange.All, long.MaxValue).Count, _index.LiveKeys);
        }

        private void Transaction()
        {
            var revision = _applied + 1;
            var operations = _random.Next(10) == 0 ? _random.Next(1, 80) : 1;
            var sub = 0;
            for (var i = 0; i < operations; i++)
            {
                var key = Key();
                var newest = _model.Newest(key);
                var exists = newest.Exists && !newest.IsTombstone;
                if (exists && _random.Next(3) == 0)
                    Apply(key, KeyVersion.Tombstone(revision, sub++));
                else
                    Apply(key, new KeyVersion(revision, sub++, exists ? newest.Create : revision, exists ? newest.Version + 1 : 1, _random.Next(3), _random.Next(99)));
            }

            _applied = revision;
        }

        private void Apply(byte[] key, KeyVersion version)
        {
            _index.Apply(key, version);
            _model.Apply(key, version);
            _unpublished.Add((key, version.Id));
            Assert.True(_index.TryGetNewest(key, out var newest));
            Assert.Equal(version, newest);
        }

        private void Publish()
        {
            _published = _applied;
            _unpublished.Clear();
        }

        private void UndoUnpublished()
        {
            for (var i = _unpublished.Count - 1; i >= 0; i--)
            {
                _index.Undo(_unpublished[i].Key, _unpublished[i].Id);
                _model.Undo(_unpublished[i].Key, _unpublished[i].Id);
            }

            _unpublished.Clear();
            _applied = _published;
        }

        private void StartCompaction()
        {
            if (_published <= _compacted + 1)
                return;

            if (_run is not null)
                GiveUp();

            _compacted = _random.NextInt64(_compacted + 1, _published + 1);
            _run = _index.Compact(_compacted);
        }

        // The last slice was deleted without the run hearing of it, or was not deleted.
        private void GiveUp()
        {
            if (_again.Count > 0)
            {
                return; // the run never asked for a slice
            }

            if (_random.Next(2) == 0)
                DeleteSlice();

            _again = _slice;
            _slice = [];
        }

        private void DeleteSlice() => _model.Delete(_repeated ? [.. _slice.Where(_model.Log.ContainsKey)] : _slice);

        private void ContinueCompaction()
        {
            if (_run is null)
                return;

            if (!NextSlice(_random.Next(1, 200)) && !_run.SweepTombstones(_random.Next(1, 50)))
                FinishCompaction();
        }

        private bool NextSlice(int maxRows)
        {
            DeleteSlice();
            _slice = [];
            var more = _run!.DropHistory(maxRows, _slice) > 0;
            _repeated = _again.Count > 0;
            if (_repeated)
                Assert.Equal(_again, _slice);

            _again = [];
            return more;
        }

        private void FinishCompaction()
        {
            while (NextSlice(7))
            {
            }

            while (_run!.SweepTombstones(3))
            {
            }

            _run = null;
            Assert.Equal(_model.Kept(_compacted), _model.Log.Keys);
            var replayed = _model.Load();
            var deleted = new List<RecordId>();
            IndexModel.Finish(replayed.Compact(_compacted), deleted);
            Assert.Empty(deleted);
            Assert.Equal(Lines(replayed), Lines(_index));
            Assert.Equal(replayed.LiveKeys, _index.LiveKeys);
        }

        private void Crash()
        {
            UndoUnpublished();
            if (_run is not null)
                GiveUp();

            _again = [];
            _index = _model.Load();
            _run = _index.Compact(_compacted);
        }

        private void Read()
        {
            var revision = _random.Next(4) == 0 ? _published : _random.NextInt64(Math.Max(1, _compacted), _published + 1);
            var key = Key();
            Assert.Equal(_model.At(key, revision).Exists, _index.TryGet(key, revision, out var version));
            Assert.Equal(_model.At(key, revision), version);

            var range = new KeyRange(Key(), _random.Next(8) switch { 0 => Array.Empty<byte>(), 1 => [0], _ => Key() });
            var expected = _model.Range(range, revision);
            Assert.Equal(expected.Count, _index.Count(range, revision));
            var cursor = _index.Range(range, revision);
            foreach ((var expectedKey, var expectedVersion) in expected)
            {
                Assert.True(cursor.MoveNext());
                Assert.Equal(expectedKey, cursor.Key.ToArray());
                Assert.Equal(expectedKey.Length, cursor.KeyLength);
                Assert.Equal(expectedVersion, cursor.Current);
            }

            Assert.False(cursor.MoveNext());
        }

        private byte[] Key()
        {
            var number = _random.Next(keys);
            return (number % 7) switch
            {
                0 => [0xff, .. Encoding.ASCII.GetBytes(number.ToString())],
                1 => [.. Encoding.ASCII.GetBytes("/registry/leases/"), (byte)(number >> 8), (byte)number],
                2 => [.. Enumerable.Repeat((byte)(number >> 4), number % 40 + 1)],
                _ => Encoding.ASCII.GetBytes($"/registry/pods/ns-{number % 5}/pod-{number:d6}"),
            };
        }

        private static IEnumerable<string> Lines(KeyIndex index) => index.Dump().Select(pair => $"{Convert.ToHexString(pair.Key)} {pair.Version}");
    }
}
