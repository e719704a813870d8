using System.Buffers;
using Kine.Grains.Watch;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>The reply that a watch stream has at hand; one object for all of a stream's.</summary>
internal sealed class WatchMessage : PieceReply
{
    private WatchReply? _reply;
    private bool _isWritten;

    public override long Length => _reply!.Length;

    public override bool IsWritten => _isWritten;

    /// <summary>The same object for the next reply.</summary>
    public WatchMessage With(WatchReply reply)
    {
        _reply = reply;
        return this;
    }

    public override void Write(IBufferWriter<byte> output) => _isWritten = _reply!.Write(output, Enough);
}
