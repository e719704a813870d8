namespace Kine.Grains.Writing;

/// <summary>What comes through the writer's channel: done by its loop, in the order of arrival.</summary>
internal abstract class WriterItem
{
    /// <summary>Bytes it holds while it waits, for the channel's bound.</summary>
    public virtual int Size => 0;

    /// <summary>Does it, in the loop.</summary>
    public abstract void Run(WriteLoop loop);

    /// <summary>Answers it with an error, when the loop has ended or refuses it.</summary>
    public abstract void Fail(EtcdException error);
}
