using Kine.Etcd;

namespace Kine.Grains.Reads;

/// <summary>A range of a transaction that is read after it.</summary>
/// <param name="Request">What was asked.</param>
/// <param name="Revision">The revision that it sees.</param>
/// <param name="Response">Its place in the reply: header, count and more, but no pairs.</param>
public sealed record LateRange(RangeRequest Request, long Revision, RangeResponse Response)
{
    /// <summary>The range, once it is measured.</summary>
    public RangeAt? Range { get; private set; }

    /// <summary>Bytes of its pairs in the reply.</summary>
    internal async Task<long> Measure(KeyspaceView view, CancellationToken cancellationToken)
    {
        Range = new RangeAt(view, Request, Revision);
        try
        {
            await Range.Measure(cancellationToken);
            if (Range.IsGone)
                throw EtcdErrors.Compacted;

            (Response.Count, Response.More) = (Range.Count, Range.More);
            return Range.KvsLength;
        }
        finally
        {
            Range.Dispose(); // what is sorted is sorted again when it is sent: there may be thousands of these
        }
    }
}
