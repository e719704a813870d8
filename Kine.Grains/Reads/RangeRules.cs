using Kine.Etcd;
using Kine.Grains.Index;

namespace Kine.Grains.Reads;

/// <summary>What a RangeRequest means, apart from where its answer comes from (etcd v3 API, KV.Range).</summary>
public static class RangeRules
{
    /// <summary>Throws what etcd answers to a request that is wrong whatever the state.</summary>
    public static void Check(RangeRequest request)
    {
        if (request.Key.IsEmpty)
            throw EtcdErrors.EmptyKey;

        if ((uint)request.SortOrder > (uint)RangeRequest.Types.SortOrder.Descend ||
            (uint)request.SortTarget > (uint)RangeRequest.Types.SortTarget.Value)
        {
            throw EtcdErrors.InvalidSortOption;
        }
    }

    /// <summary>True when any of the revision filters is set.</summary>
    public static bool HasFilters(RangeRequest request) =>
        request.MinModRevision != 0 || request.MaxModRevision != 0 || request.MinCreateRevision != 0 || request.MaxCreateRevision != 0;

    /// <summary>True when the pairs come in key order without a look at more of them than the limit asks for.</summary>
    public static bool IsKeyOrder(RangeRequest request) =>
        request.SortTarget == RangeRequest.Types.SortTarget.Key && request.SortOrder != RangeRequest.Types.SortOrder.Descend;

    /// <summary>True when the filters let the version through.</summary>
    public static bool Passes(RangeRequest request, in KeyVersion version) =>
        (request.MaxModRevision == 0 || version.Mod <= request.MaxModRevision) &&
        (request.MinModRevision == 0 || version.Mod >= request.MinModRevision) &&
        (request.MaxCreateRevision == 0 || version.Create <= request.MaxCreateRevision) &&
        (request.MinCreateRevision == 0 || version.Create >= request.MinCreateRevision);

    /// <summary>
    /// How many pairs in key order are looked at before sorting: all when an order or a filter is given, else one past the limit, as etcd does (which
    /// shows when a sort target is given without an order). 0 = all.
    /// </summary>
    public static long Fetch(RangeRequest request) =>
        request.SortOrder != RangeRequest.Types.SortOrder.None || HasFilters(request) ? 0 : OnePastLimit(request);

    /// <summary>The pairs that tell whether the limit cuts the list; 0 = all.</summary>
    public static long OnePastLimit(RangeRequest request) => request.Limit is <= 0 or long.MaxValue ? 0 : request.Limit + 1;

    /// <summary>What a version is sorted by, when that is a number of its own; else 0.</summary>
    public static long SortNumber(RangeRequest request, in KeyVersion version) => request.SortTarget switch
    {
        RangeRequest.Types.SortTarget.Version => version.Version,
        RangeRequest.Types.SortTarget.Create => version.Create,
        RangeRequest.Types.SortTarget.Mod => version.Mod,
        _ => 0,
    };

    /// <summary>
    /// Sorts entries in key order by the request's order and target; <paramref name="number"/> gives an entry's <see cref="SortNumber"/>,
    /// <paramref name="value"/> its value, which is only asked for the VALUE target.
    /// </summary>
    public static void Sort<T>(RangeRequest request, List<T> entries, Func<T, long> number, Func<T, ReadOnlyMemory<byte>> value)
    {
        if (IsKeyOrder(request))
            return;

        if (request.SortTarget == RangeRequest.Types.SortTarget.Key)
        {
            entries.Reverse();
            return;
        }

        Comparison<T> ascending = request.SortTarget == RangeRequest.Types.SortTarget.Value
            ? (a, b) => value(a).Span.SequenceCompareTo(value(b).Span)
            : (a, b) => number(a).CompareTo(number(b));
        entries.Sort(request.SortOrder == RangeRequest.Types.SortOrder.Descend ? (a, b) => ascending(b, a) : ascending);
    }
}
