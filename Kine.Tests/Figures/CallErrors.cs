using System.Collections.Concurrent;

namespace Kine.Tests.Figures;

/// <summary>Errors of calls by what they say, counted by many callers.</summary>
internal sealed class CallErrors
{
    private readonly ConcurrentDictionary<string, int> _counts = new();

    public void Add(Exception error) =>
        _counts.AddOrUpdate(error is RpcException failure ? $"{failure.StatusCode} {failure.Status.Detail}" : error.Message, 1, static (_, count) => count + 1);

    /// <summary>The most frequent first.</summary>
    public override string ToString() =>
        _counts.IsEmpty ? "no errors" : string.Join("; ", _counts.OrderByDescending(error => error.Value).Select(error => $"{error.Value:N0} x {error.Key}"));
}
