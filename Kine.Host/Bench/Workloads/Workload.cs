using Grpc.Core;
using Kine.Host.Client;

namespace Kine.Host.Bench.Workloads;

/// <summary>The calls of one mode against one server, and the check of their replies. Shared by all clients of that server.</summary>
internal abstract class Workload
{
    /// <summary>
    /// Makes the client's next call; null when there is nothing left to do. It gives null if the reply is what was asked for, else a short name of the fault.
    /// </summary>
    public abstract Task<string?>? Call(BenchClient client);
}

/// <summary>A workload of one method.</summary>
internal abstract class Workload<TRequest, TReply>(Func<EtcdChannel, TRequest, AsyncUnaryCall<TReply>> method) : Workload
    where TRequest : class
{
    public sealed override Task<string?>? Call(BenchClient client) => Request(client) is { } request ? Call(client, request) : null;

    /// <summary>The client's next request; null when there is nothing left to do.</summary>
    public abstract TRequest? Request(BenchClient client);

    /// <summary>Looks whether a reply is what was asked for; null if so, else a short name of the fault.</summary>
    public abstract string? Check(BenchClient client, TReply reply);

    private async Task<string?> Call(BenchClient client, TRequest request) => Check(client, await method(client.Channel, request));
}
