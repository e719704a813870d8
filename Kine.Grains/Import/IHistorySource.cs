using Kine.Backends;

namespace Kine.Grains.Import;

/// <summary>Where a history is taken from: a snapshot file, a store, a server. It does not change while it is read.</summary>
public interface IHistorySource : IAsyncDisposable
{
    /// <summary>What it is, for people, without secrets.</summary>
    string Description { get; }

    /// <summary>What tells it from other sources; the same again when it is opened again.</summary>
    string Identity { get; }

    /// <summary>Revision of the last record, for progress.</summary>
    long LastRevision { get; }

    /// <summary>What belongs to the records, once they have been read to their end.</summary>
    ImportEnd End { get; }

    /// <summary>The records in log order. May be asked for again, once the last reader is done.</summary>
    IAsyncEnumerable<LogRecord> Records(CancellationToken cancellationToken);
}
