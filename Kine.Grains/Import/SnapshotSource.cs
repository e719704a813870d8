using System.Runtime.CompilerServices;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Snapshots;

namespace Kine.Grains.Import;

/// <summary>A snapshot file as a source; disposing it closes the file.</summary>
public sealed class SnapshotSource(SnapshotFile file, string description, string? identity = null) : IHistorySource
{
    public string Description => description;

    public string Identity => identity ?? file.Identity;

    public long LastRevision => file.Contents.Revision;

    // What filled etcd's quota says nothing about another store; damage noticed there comes along.
    public ImportEnd End => new(
        file.Contents.Revision, file.Contents.CompactRevision, file.Contents.Leases, [.. file.Contents.Alarms.Where(active => active.Alarm != AlarmType.Nospace)]);

    public async IAsyncEnumerable<LogRecord> Records([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var record in file.Records())
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return record;
        }
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
