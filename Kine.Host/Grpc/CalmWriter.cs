using System.Buffers.Binary;
using System.IO.Pipelines;

namespace Kine.Host.Grpc;

/// <summary>What a client is sent, until it is told to calm down: that goes out between two frames, and what is written after it does not.</summary>
/// <param name="inner">The connection's.</param>
/// <param name="budget">Knows the streams of the connection.</param>
internal sealed class CalmWriter(PipeWriter inner, FrameBudget budget) : PipeWriter
{
    private const byte GoAway = 7;
    private const int EnhanceYourCalm = 11;
    private const int ErrorLength = 8; // bytes

    private long _sent;
    private bool _inFrame; // written since the last flush
    private bool _should;
    private byte[]? _dropped; // takes what is not sent any more

    /// <summary>Bytes so far.</summary>
    public long Sent => Volatile.Read(ref _sent);

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => inner.UnflushedBytes;

    /// <summary>The next frame says ENHANCE_YOUR_CALM, and is the last.</summary>
    public void SayCalm() => Volatile.Write(ref _should, true);

    public override void Advance(int bytes)
    {
        if (_dropped is not null)
            return;

        _inFrame = true;
        _sent += bytes;
        inner.Advance(bytes);
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (!Volatile.Read(ref _should) || _inFrame)
            return inner.GetMemory(sizeHint);

        if (_dropped is null)
            Say();

        if (_dropped is null || _dropped.Length < Math.Max(sizeHint, 1))
            _dropped = new byte[Math.Max(sizeHint, 4096)];

        return _dropped;
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => Volatile.Read(ref _should) ? GetMemory(sizeHint).Span : inner.GetSpan(sizeHint);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        _inFrame = false;
        return inner.FlushAsync(cancellationToken);
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null)
    {
        // The transport closes then, at once.
        if (!Volatile.Read(ref _should))
            inner.Complete(exception);
    }

    private void Say()
    {
        Span<byte> frame = [0, 0, ErrorLength, GoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, EnhanceYourCalm];
        BinaryPrimitives.WriteInt32BigEndian(frame[^ErrorLength..], budget.HighestStream);
        frame.CopyTo(inner.GetSpan(frame.Length));
        inner.Advance(frame.Length);
    }
}
