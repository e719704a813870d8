namespace Kine.Host.Bench.Workloads;

/// <summary>The requests of one mode against one server, and the check of their replies. Shared by all clients of that server.</summary>
internal abstract class Workload
{
    /// <summary>The method that is called.</summary>
    public abstract string Path { get; }

    /// <summary>Writes the client's next request; false when there is nothing left to do.</summary>
    public abstract bool TryEncode(BenchClient client);

    /// <summary>Looks whether a reply is what was asked for; null if so, else a short name of the fault.</summary>
    /// <exception cref="InvalidDataException">The reply is no such message.</exception>
    public abstract string? Check(BenchClient client, ReadOnlySpan<byte> reply);
}
