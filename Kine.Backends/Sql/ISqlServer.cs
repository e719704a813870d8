using System.Data.Common;
using System.Net;

namespace Kine.Backends.Sql;

/// <summary>What the SQL stores have to know of their server in the same way.</summary>
internal interface ISqlServer : IAsyncDisposable
{
    /// <summary>Kind and place without secrets.</summary>
    string Description { get; }

    /// <summary>Where it listens, by TCP.</summary>
    IReadOnlyList<DnsEndPoint> Servers { get; }

    /// <summary>Moves whenever connections were lost: older ones had better be replaced.</summary>
    int Generation { get; }

    /// <summary>True where a query may be cancelled: its end then means nothing to what runs on the connection later.</summary>
    bool CancelsQueries { get; }

    /// <summary>A connection out of a pool, for queries and changes that commit by themselves. Throws <see cref="StoreUnavailableException"/> after that long.</summary>
    Task<DbConnection> Connect(TimeSpan patience, CancellationToken cancellationToken);

    /// <summary>Says that a connection was lost, or leads to a server that no longer writes: idle ones are closed and not used again.</summary>
    void Lost();

    /// <summary>What an error means.</summary>
    SqlFailure Classify(Exception error);

    /// <summary>One line for people, without secrets.</summary>
    string Text(Exception error);
}
