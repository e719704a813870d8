namespace Kine.Grains.Writing;

/// <summary>Makes the loop look again, after something changed that does not come through the channel.</summary>
internal sealed class Nudge : WriterItem
{
    public static readonly Nudge Instance = new();

    public override void Run(WriteLoop loop)
    {
        // The loop looks after each item.
    }

    public override void Fail(EtcdException error)
    {
        // Nobody waits for it.
    }
}
