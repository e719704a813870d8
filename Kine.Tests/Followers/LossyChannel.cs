using Kine.Grains.Watch;

namespace Kine.Tests.Followers;

/// <summary>Loses, repeats and reorders what is sent over it, the same way for the same seed.</summary>
internal sealed class LossyChannel(Random random)
{
    private const int MostUnderWay = 6;
    private readonly List<EventBatch> _underWay = [];

    public int Lost { get; private set; }

    public void Send(EventBatch batch)
    {
        switch (random.Next(10))
        {
            case 0 or 1:
                Lost++;
                break;
            case 2 or 3:
                _underWay.Add(batch);
                _underWay.Add(batch);
                break;
            default:
                _underWay.Add(batch);
                break;
        }
    }

    /// <summary>Hands over some of what is under way.</summary>
    public void Deliver(Action<EventBatch> to)
    {
        while (_underWay.Count > random.Next(MostUnderWay))
        {
            var take = random.Next(_underWay.Count);
            var batch = _underWay[take];
            _underWay.RemoveAt(take);
            to(batch);
        }
    }
}
