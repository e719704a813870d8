using System.Collections.Concurrent;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>Errors of calls by what they say, counted by many callers.</summary>
internal sealed class CallErrors
{
    private readonly ConcurrentDictionary<string, int> _counts = new();

    public void Add(Exception error) => _counts.AddOrUpdate(Describe(error), 1, static (_, count) => count + 1);

    /// <summary>The most frequent first.</summary>
    public override string ToString() =>
        _counts.IsEmpty ? "no errors" : string.Join("; ", _counts.OrderByDescending(error => error.Value).Select(error => $"{error.Value:N0} x {error.Key}"));

    private static string Describe(Exception error) => error switch
    {
        RpcException failure when failure.IsTransport() => $"{failure.StatusCode}, no connection",
        RpcException failure => $"{failure.StatusCode}, {failure.Status.Detail}",
        _ => error.Message,
    };
}
